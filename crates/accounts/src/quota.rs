//! What may still be asked for, and what is set aside for requests that run.

mod bank;
mod books;
mod counter;
mod holder;
mod line;
mod quotas;
mod reservation;
mod slice;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use bank::Bank;
pub(crate) use counter::{Ask, Counter, asks};
pub(crate) use line::{Line, Refused, Settled};
pub(crate) use quotas::Quotas;
pub use reservation::Reservation;
pub use standing::{Gauge, Standing};
