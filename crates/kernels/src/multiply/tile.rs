//! How the tokens of a call are cut into tiles.

/// The most tokens whose sums fit the registers beside those of a second panel.
pub(crate) const TILE: usize = 6;

/// Something that can work on a tile of `T` tokens.
pub(crate) trait Tile {
    /// # Safety
    /// The tokens from `first` on exist, and the machine has the instructions.
    unsafe fn tile<const T: usize>(&mut self, first: usize);
}

/// Works on `tokens` tokens: whole tiles, and a smaller one at the end.
///
/// # Safety
/// As for `Tile::tile`.
#[inline(always)]
pub(crate) unsafe fn over(tokens: usize, work: &mut impl Tile) {
    let whole = tokens / TILE * TILE;
    // SAFETY: all of these tokens are below `tokens`.
    unsafe {
        for first in (0..whole).step_by(TILE) {
            work.tile::<TILE>(first);
        }
        match tokens - whole {
            1 => work.tile::<1>(whole),
            2 => work.tile::<2>(whole),
            3 => work.tile::<3>(whole),
            4 => work.tile::<4>(whole),
            5 => work.tile::<5>(whole),
            _ => {}
        }
    }
}
