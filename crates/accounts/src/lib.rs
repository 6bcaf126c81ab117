//! Who may ask, and for how much. Free of HTTP, and the only crate that knows a database.
//!
//! An [`Accounts`] is opened once. It says who a key belongs to ([`Accounts::identify`]), whether an address asks too often
//! ([`Accounts::check_address`]), and sets aside what a request may cost at most ([`Accounts::reserve`]). What it hands out is a
//! [`Reservation`] that is settled to what was really used when it is dropped, however the request ends.
//!
//! Counts are kept by the UTC calendar. Several processes may share one database: each takes slices of what is left of a quota,
//! spends them in memory, and gives back what it does not need, so that they never exceed a quota together and a request seldom
//! waits for the database.

mod accounts;
mod address;
mod caller;
mod clock;
mod error;
mod keys;
mod limits;
mod quota;
mod secret;
mod store;
mod usage;
mod window;

#[cfg(test)]
#[path = "../tests/it/database.rs"]
#[expect(dead_code, reason = "the unit tests need less of it than the others")]
mod database;

pub use accounts::{Accounts, Addresses, OpenError, Settings};
pub use address::AddressLimit;
pub use caller::{Caller, Models, Role};
pub use clock::Clock;
pub use error::{Error, Result};
pub use keys::{Hash, KeyFileError, Listed, NewKey, Organization, Template, check_keys_file};
pub use limits::{KeyLimits, Limit, OrganizationLimits, OwnLimits};
pub use quota::{Gauge, Reservation, Standing};
pub use secret::Secret;
pub use store::{Store, StoreError, StoredKey, StoredOrganization};
pub use usage::{Entry, Sums, Usage};
pub use window::{Period, Window};
