//! Tiles: the tokens (or queries) that are worked on side by side, their sums in registers.

/// Something that can work on a tile of `T` rows. How many there are at most is a matter of the registers, so it is the lanes
/// that cut rows into tiles: see `Lanes::tiles`.
pub(crate) trait Tile {
    /// Whether eight rows at a time are better than six where there are registers for either.
    const EIGHTS: bool = true;

    /// # Safety
    /// The rows from `first` on exist, and the machine has the instructions.
    unsafe fn tile<const T: usize>(&mut self, first: usize);
}
