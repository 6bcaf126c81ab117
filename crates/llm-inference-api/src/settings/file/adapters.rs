//! `adapters:` of a model: what they are asked for by, and where they are from.

use registry::Declared;

use super::Place;
use super::keys::Reading;
use super::yaml::{Key, Node};
use crate::settings::parse;

const FORM: &str = "{id: NAME, source: PATH}";

impl Reading<'_> {
    pub(super) fn adapters(&mut self, place: Place, node: Node) -> Vec<(String, Declared)> {
        let adapters = self.sections(place, node, "models.adapters", FORM);
        adapters.into_iter().filter_map(|(place, entries)| self.adapter(place, entries)).collect()
    }

    fn adapter(&mut self, place: Place, entries: Vec<(Key, Node)>) -> Option<(String, Declared)> {
        let before = self.problems.len();
        let (mut id, mut source) = (None, None);
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            match name.as_str() {
                "id" => id = self.parsed("models.adapters.id", place, node, false, parse::model_id),
                "source" => source = self.parsed("models.adapters.source", place, node, false, parse::adapter_source),
                _ => self.unknown_in(place, "models.adapters", &name, &["id", "source"]),
            }
        }
        match (id, source) {
            (Some(id), Some(source)) => Some((id, source)),
            _ if self.problems.len() > before => None,
            _ => {
                self.malformed(place, format!("an adapter needs an id and a source: {FORM}"));
                None
            }
        }
    }
}
