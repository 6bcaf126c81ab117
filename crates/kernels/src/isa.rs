//! Which instruction set the kernels use.

use std::fmt;

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Bf16Lanes, Lanes, Portable};

/// An instruction set that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// The next with its products of pairs of bf16: Cooper Lake, Sapphire Rapids, Zen 4 and later.
    Avx512Bf16,
    /// AVX-512 with its 8-bit dot products (VNNI): Ice Lake, Zen 4 and later.
    Avx512,
    /// AVX2 with FMA and F16C: Haswell, Zen and later.
    Avx2,
    /// What the compiler makes of plain code.
    Portable,
}

/// A kernel that can be run with any kind of lanes.
///
/// Implementations of `run`, and all that they call, are `#[inline(always)]`: only so do they end up inside the function that
/// has the instructions switched on.
pub(crate) trait Kernel {
    fn run<L: Lanes>(self);
}

/// A kernel that needs products of pairs of bf16. The same holds for it.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no other machine has them"))]
pub(crate) trait Bf16Kernel {
    fn run<L: Bf16Lanes>(self);
}

impl Isa {
    pub const ALL: [Self; 4] = [Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Portable];

    /// The best that this machine has.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => is_x86_feature_detected!("avx512bf16") && Self::Avx512.is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512Bf16 | Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512Bf16 => "AVX-512 VNNI and BF16",
            Self::Avx512 => "AVX-512 VNNI",
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        }
    }

    /// Whether it multiplies weights of bf16 with tokens that are rounded to bf16: see `dispatch_bf16`.
    pub(crate) fn multiplies_bf16(self) -> bool {
        self == Self::Avx512Bf16
    }

    /// Runs a kernel with this instruction set, which the machine must have: see `Pool::with_isa`.
    pub(crate) fn dispatch(self, kernel: impl Kernel) {
        match self {
            // SAFETY: a pool has only an instruction set that was found on this machine.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 | Self::Avx512 => unsafe { with_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { with_avx2(kernel) },
            _ => kernel.run::<Portable>(),
        }
    }

    /// Runs a kernel with the products of pairs of bf16 besides.
    ///
    /// # Panics
    /// If this instruction set has none.
    pub(crate) fn dispatch_bf16(self, kernel: impl Bf16Kernel) {
        match self {
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => unsafe { with_avx512_bf16(kernel) },
            _ => panic!("{self} has no products of bf16 for {}", std::any::type_name_of_val(&kernel)),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// # Safety
/// The machine has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn with_avx512(kernel: impl Kernel) {
    kernel.run::<Avx512>();
}

/// # Safety
/// The machine has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn with_avx512_bf16(kernel: impl Bf16Kernel) {
    kernel.run::<Avx512>();
}

/// # Safety
/// The machine has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn with_avx2(kernel: impl Kernel) {
    kernel.run::<Avx2>();
}
