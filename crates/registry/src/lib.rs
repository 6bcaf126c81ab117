//! Which models there are and where their files lie, and how those of them that are kept elsewhere come to this machine. Nothing
//! is opened here beyond directories: whether a file is what its name says is found out when it is loaded.

mod catalogue;
mod declared;
mod entry;
mod error;
mod fetch;
mod hub;
mod kind;
mod mlflow;
mod peft;
mod scan;
mod sources;
mod tuned;

pub use catalogue::{Allowed, Catalogue, Places};
pub use declared::{Declaration, Declared, NotASource};
pub use entry::{Entry, Source};
pub use error::Error;
pub use fetch::{FetchError, Fetched, Note, Patience, Progress, Token, Watch};
pub use hub::{Cached, Hub, HubModel, HubSettings};
pub use kind::Kind;
pub use mlflow::{Access, MlFlow, MlFlowModel, MlFlowSettings, NotAModelUri, Registered};
pub use sources::{Origin, Sources};
