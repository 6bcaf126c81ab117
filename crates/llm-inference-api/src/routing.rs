//! Names behind which a scorer chooses: whether there is what they name.

use anyhow::{Result, ensure};
use registry::Entry;
use scorer::files::{Directory, Name};
use serving::Route;

use crate::settings::Settings;
use crate::settings::types::DeclaredRoute;

/// Those of the settings. Fails on one that names what is not served among these.
pub(crate) fn routes(selection: &[Entry], settings: &Settings) -> Result<Vec<Route>> {
    let names: Vec<&str> = selection
        .iter()
        .flat_map(|entry| {
            let declared = settings.declared(&entry.id);
            let aliases = declared.into_iter().flat_map(|model| &model.aliases);
            let adapters = declared.into_iter().flat_map(|model| &model.adapters).map(|(id, _)| id);
            std::iter::once(&entry.id).chain(aliases).chain(adapters).map(String::as_str)
        })
        .collect();
    for DeclaredRoute { route, place } in &settings.models.routes {
        let Route { id, aliases, candidates, fallbacks, .. } = route;
        for name in candidates.iter().map(|candidate| &candidate.model).chain(fallbacks) {
            let there = names.join(", ");
            ensure!(names.contains(&name.as_str()), "{place}: {id} names {name:?}, which is not served; there are: {there}");
        }
        for name in std::iter::once(id).chain(aliases) {
            ensure!(!names.contains(&name.as_str()), "{place}: the name {name:?} is taken by a model that is served");
        }
    }
    Ok(settings.models.routes.iter().map(|declared| declared.route.clone()).collect())
}

/// Why a route's scorer could not choose as things are, in whole sentences: then its fallbacks are asked.
pub(crate) fn warnings(settings: &Settings) -> Vec<String> {
    let directory = Directory::new(&settings.scorers.directory.value);
    let warning = |DeclaredRoute { route, place }: &DeclaredRoute| {
        let reason = reason(route, &directory)?;
        Some(format!("{place}: no scorer chooses behind {}, and its fallbacks are asked: {reason}", route.id))
    };
    settings.models.routes.iter().filter_map(warning).collect()
}

fn reason(route: &Route, directory: &Directory) -> Option<String> {
    let described = Name::parse(&route.scorer).and_then(|name| directory.describe(&name));
    match described {
        Err(error) => Some(format!("{:#}", anyhow::Error::from(error))),
        Ok(sidecar) => {
            let unknown = route.candidates.iter().find(|candidate| !sidecar.models.contains(&candidate.model))?;
            Some(format!("{} does not know {}; it knows {}", route.scorer, unknown.model, sidecar.models.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use registry::Source;

    use super::*;
    use crate::settings::{Arguments, Environment, File, Machine, Purpose, resolve};

    fn settings(file: &str) -> Settings {
        let scorers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/scorers");
        let variables = BTreeMap::from([("LLM_SCORER_PATH".to_owned(), scorers.display().to_string())]);
        let file = File::parse("f.yaml", file, &variables);
        resolve(Arguments::default(), Environment::from_map(&variables), file, &Machine::look(), Purpose::Serve).unwrap()
    }

    /// What comes of a route where the model `coder` is served.
    fn told(route: &str) -> String {
        told_beside(route, "")
    }

    /// The same with another line of the catalogue.
    fn told_beside(route: &str, line: &str) -> String {
        let settings = settings(&format!("models: [{{id: auto, {route}}}{line}]"));
        let served = Entry::new("coder", Source::Embedded);
        match routes(&[served], &settings) {
            Ok(_) => warnings(&settings).join("\n"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_route_names_has_to_be_there() {
        let scorer = "scorer: dense_network/example";
        assert_eq!(told(&format!("route: {{{scorer}, candidates: [coder]}}")), "");
        let adapter = ", {id: coder, source: embedded, adapters: [{id: coder-legal, source: /adapters/legal}]}";
        let route = format!("fallbacks: [coder-legal], route: {{{scorer}, candidates: [coder]}}");
        assert_eq!(told_beside(&route, adapter), "");
        let cases = [
            format!("route: {{{scorer}, candidates: [coder, poet]}}"),
            format!("fallbacks: [poet], route: {{{scorer}, candidates: [coder]}}"),
            format!("aliases: [coder], route: {{{scorer}, candidates: [coder]}}"),
            "route: {scorer: elo/mine, candidates: [coder]}".to_owned(),
        ];
        insta::assert_snapshot!(cases.map(|route| told(&route)).join("\n"), @r#"
            f.yaml:1: auto names "poet", which is not served; there are: coder
            f.yaml:1: auto names "poet", which is not served; there are: coder
            f.yaml:1: the name "coder" is taken by a model that is served
            f.yaml:1: no scorer chooses behind auto, and its fallbacks are asked: there is no scorer elo/mine; there is dense_network/example
        "#);
    }
}
