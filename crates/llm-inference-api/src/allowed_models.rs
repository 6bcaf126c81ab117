//! Models that keys may ask, and that nobody here has.

use std::collections::BTreeSet;

use accounts::Models;
use registry::Catalogue;

use crate::settings::types::ModelSettings;

/// What the models that these settings lead to can be asked as: ids, aliases and adapters.
pub(crate) fn names(catalogue: &Catalogue, settings: &ModelSettings) -> BTreeSet<String> {
    let ids = catalogue.entries().iter().map(|entry| entry.id.clone());
    let declared = settings.declared.iter().flat_map(|model| model.aliases.iter().chain([&model.id]).cloned());
    let adapters = settings.declared.iter().flat_map(|model| model.adapters.iter().map(|(id, _)| id.clone()));
    ids.chain(declared).chain(adapters).collect()
}

/// A warning for each model of a key that is not among them. It is no error: a model may come later.
pub(crate) fn warnings<'a>(
    key: &'a str,
    models: &'a Models,
    names: &'a BTreeSet<String>,
) -> impl Iterator<Item = String> + 'a {
    let ids: &[String] = match models {
        Models::All => &[],
        Models::These(ids) => ids,
    };
    ids.iter().filter(|id| !names.contains(*id)).map(move |id| {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{key} may ask the model {id:?}, which these settings do not know; they know: {}", known.join(", "))
    })
}
