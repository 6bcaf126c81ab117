//! Why there are no scores.

use backend::Error as Reason;
use thiserror::Error;

/// The text of each may be shown to the client, as far as that of its reason may.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Unscored {
    #[error("the scorer {:?} does not exist; there are: {}", shortened(scorer), listed(known))]
    UnknownScorer { scorer: String, known: Vec<String> },
    /// No score is invented for a model that the scorer has not seen.
    #[error("the scorer does not know the model {:?}; it knows {}", shortened(model), listed(known))]
    UnknownModel { model: String, known: Vec<String> },
    #[error(transparent)]
    Refused(#[from] Reason),
}

/// Enough of a name to know it by. A client may send megabytes of it, and should not get them back.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(100).map_or(name, |(end, _)| &name[..end])
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
