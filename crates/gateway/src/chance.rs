//! Numbers drawn by chance, which a test can repeat.

use std::time::Duration;

use backend::Hop;

/// This run of the program, by a number that no other has.
pub fn this_run() -> Hop {
    Hop::new(Chance::new().next())
}

/// SplitMix64 (Steele, Lea, Flood, 2014): good enough to spread load, and nothing for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Different at each start: several gateways before the same servers must not draw alike.
    pub(crate) fn new() -> Self {
        Self(getrandom::u64().unwrap_or(1))
    }

    #[cfg(test)]
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly below a number above zero.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    /// A duration up to a tenth longer or shorter.
    pub(crate) fn around(&mut self, duration: Duration) -> Duration {
        duration.mul_f64(0.9 + 0.2 * (self.next() as f64 / u64::MAX as f64))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
