//! Numbers that cannot be out of range once they exist.

use std::borrow::Cow;

use thiserror::Error;

/// Why a number was refused: what it was, and what it has to be.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("must be {bound}, but is {value}")]
pub struct OutOfRange {
    pub value: String,
    pub bound: Cow<'static, str>,
}

impl OutOfRange {
    #[expect(clippy::needless_pass_by_value, reason = "a value is shown once, as it was given")]
    pub fn new(value: impl ToString, bound: impl Into<Cow<'static, str>>) -> Self {
        Self { value: value.to_string(), bound: bound.into() }
    }
}

/// Declares a number type with its bound: the constructor is the only way in, so the type is the proof.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($number:ty), $bound:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name($number);

        impl $name {
            /// What a value has to be, in words.
            pub const BOUND: &'static str = $bound;

            /// The value, if it is within the bound.
            pub fn new(value: $number) -> Result<Self, $crate::OutOfRange> {
                let within: fn($number) -> bool = $test;
                if within(value) {
                    Ok(Self(value))
                } else {
                    Err($crate::OutOfRange::new(value, Self::BOUND))
                }
            }

            pub const fn get(self) -> $number {
                self.0
            }
        }
    };
}
pub(crate) use bounded;
