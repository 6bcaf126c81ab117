//! Where slices of a quota come from.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::{Line, Settled};
use crate::store::{Store, StoreError};

/// The database; in tests, one whose answers get lost.
pub(crate) trait Bank: fmt::Debug + Send + Sync {
    /// Settles each line for a process of this name, which keeps what it is granted for so long.
    fn exchange<'a>(&'a self, replica: &'a str, lease: Duration, lines: &'a [Line]) -> Exchanged<'a>;
}

/// In the order of the lines.
pub(crate) type Exchanged<'a> = Pin<Box<dyn Future<Output = Result<Vec<Settled>, StoreError>> + Send + 'a>>;

impl Bank for Store {
    fn exchange<'a>(&'a self, replica: &'a str, lease: Duration, lines: &'a [Line]) -> Exchanged<'a> {
        Box::pin(Store::exchange(self, replica, lease, lines))
    }
}
