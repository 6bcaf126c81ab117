//! The machine's limits, measured around a figure.

use std::num::NonZeroUsize;

use kernels::limits::Limits;
use kernels::{Format, Pool};

use super::report::{Limit, Share};

/// Fewer bytes are read too quickly to be timed.
const FEWEST_BYTES: usize = 1 << 26;

#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    threads: NonZeroUsize,
    bytes: usize,
}

/// What a figure cost, in the units of the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Bytes read from memory in a second, at least.
    pub(super) bytes: f64,
    /// Additions and multiplications in a second.
    pub(super) operations: f64,
    /// That of the weights.
    pub(super) format: Format,
}

impl Gauge {
    /// `bytes` are what the figure reads over and over: of what a large cache keeps of one it keeps as much of the other.
    pub(super) fn new(threads: NonZeroUsize, bytes: usize) -> Self {
        Self { threads, bytes: bytes.max(FEWEST_BYTES) }
    }

    /// The limits of this moment, by a pool of their own, which is gone afterwards: two pools would fight for the processors.
    pub(super) fn now(self) -> Limits {
        Limits::measure(&Pool::new(self.threads), self.bytes)
    }

    /// What `run` gives, and the means of the limits before and after it.
    pub(super) fn around<T>(self, run: impl FnOnce() -> T) -> (T, Limits) {
        let before = self.now();
        let result = run();
        let after = self.now();
        let mean = |of: fn(&Limits) -> f64| f64::midpoint(of(&before), of(&after));
        let limits = Limits {
            bytes: mean(|limits| limits.bytes),
            integer_operations: mean(|limits| limits.integer_operations),
            float_operations: mean(|limits| limits.float_operations),
            bf16_operations: mean(|limits| limits.bf16_operations),
        };
        (result, limits)
    }
}

impl Cost {
    /// What part of the nearer limit this is.
    pub(super) fn share(self, limits: &Limits) -> Share {
        let of_memory = Share { of: Limit::Memory, share: self.bytes / limits.bytes };
        let of_arithmetic = Share { of: Limit::Arithmetic, share: self.operations / limits.operations(self.format) };
        // The larger share is that of the limit which is nearer.
        if of_memory.share > of_arithmetic.share { of_memory } else { of_arithmetic }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_measured_by_the_nearer_limit() {
        let limits = Limits { bytes: 50.0, integer_operations: 1000.0, float_operations: 100.0, bf16_operations: 200.0 };
        let cost = Cost { bytes: 40.0, operations: 90.0, format: Format::Q8_0 };
        assert_eq!(cost.share(&limits), Share { of: Limit::Memory, share: 0.8 });
        let cost = Cost { format: Format::F32, ..cost };
        assert_eq!(cost.share(&limits), Share { of: Limit::Arithmetic, share: 0.9 });
        let cost = Cost { format: Format::Bf16, bytes: 0.0, ..cost };
        assert_eq!(cost.share(&limits), Share { of: Limit::Arithmetic, share: 0.45 });
    }
}
