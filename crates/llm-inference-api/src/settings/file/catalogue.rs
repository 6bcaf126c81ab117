//! `models:`, the catalogue: which models are served under which names, from where, and with what of their own.

use gateway::{Balance, REFUSED_FIELDS, Timeouts, UpstreamSettings};
use serving::{Defaults, Route};

use super::keys::Reading;
use super::remote::{balance, refused_fields};
use super::yaml::{Key, Node};
use super::{FileProblem, Place};
use crate::settings::alike;
use crate::settings::parse::{self, Expected};
use crate::settings::placement::{self, Built, EngineName, Placement};
use crate::settings::types::{DeclaredModel, DeclaredRoute, RemoteModel};

/// The keys of a model, and what they mean.
pub(crate) const FIELDS: [(&str, &str); 16] = [
    ("id", "what clients call it"),
    ("aliases", "further names, a list"),
    (
        "source",
        "where its files are: a path, `embedded`, `hf:org/name`, `hf:org/name@revision`, `hf:org/name:file.gguf`, `mlflow:models:/name/stage`",
    ),
    ("quantization", "in place of `model.quantization`; for a sentence encoder this alone"),
    (
        "engine",
        "what runs it: `native`, on the processor, or `mistralrs`, in a program that was built with it; left out: `mistralrs` on a GPU, \
         where the program was built for it and there is one, else `native`",
    ),
    (
        "device",
        "`cpu`, `cuda:1` (one GPU), `cuda` (its layers spread over all) or `metal`; where it is not there, the processor runs the model, \
         with a line in the log; a program without mistral.rs knows `cpu` alone",
    ),
    ("max_tokens", "the most that a request may ask of it, in place of the default of `model.max_tokens`"),
    (
        "defaults",
        "where a request does not say: `temperature`, `top_p`, `top_k`, `min_p`, `repetition_penalty`, `max_tokens`",
    ),
    ("group", "what it is asked for: `chat` (also if left out) or `text2sql`"),
    (
        "upstreams",
        "in place of a source, the servers that it runs on, a list: `url`, `model` (what it is called there), `api_key`, `weight` (1), \
         `max_concurrent` (requests at a time), `cache_salt` (`false` for a server that does not know vLLM's)",
    ),
    (
        "timeouts",
        "of those servers: `connect_seconds` (5), `first_byte_seconds` (60, of a stream), `idle_seconds` (30, in a stream), \
         `total_seconds` (600); `hedge_seconds` (never): after so long without the first byte of a stream, another server is asked for it \
         too, and the first to answer does",
    ),
    ("balance", "which of those servers is asked: `least_loaded` (also if left out), `round_robin` or `prefix`"),
    (
        "refused_fields",
        "fields of a request that those servers are not to see: 400 where one is sent, a list in place of the default (`[]` hands on \
         everything): `kv_transfer_params`, `ec_transfer_params`, `vllm_xargs`, `bootstrap_host`, `bootstrap_port`, `bootstrap_room`, \
         `data_parallel_rank`, `routed_dp_rank`, `disagg_prefill_dp_rank`, `custom_logit_processor`, `custom_params`, \
         `logits_processors`, `prompt_embeds`, `lora`, `lora_path`, `session_params`, `request_id`, `rid`, `id_slot`, `n_predict`",
    ),
    ("fallbacks", "models that are asked in its place while it cannot answer, a list"),
    (
        "route",
        "in place of a source, a scorer that chooses for each prompt: `scorer` (type/name), `candidates` (names of models that it knows, \
         a list), `rule` (`best`; `cheapest` of those that score at least `threshold`; `less_cost`, the score less the cost times \
         `cost_weight`), `costs` (one for each candidate, a list)",
    ),
    (
        "adapters",
        "LoRA adapters that it can be asked with, a list: `id` (what clients ask for in place of the model) and `source` (a directory, \
         `hf:org/name`, `mlflow:models:/name/stage`)",
    ),
];

const DEFAULTS: [&str; 6] = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens"];

/// What has been read of a model.
#[derive(Debug, Default)]
struct Draft {
    id: Option<String>,
    aliases: Vec<String>,
    source: Option<registry::Declared>,
    quantization: Option<parse::Quantization>,
    placement: Placement,
    max_tokens: Option<backend::MaxTokens>,
    defaults: Defaults,
    group: serving::Group,
    upstreams: Option<Vec<UpstreamSettings>>,
    timeouts: Option<Timeouts>,
    balance: Option<Balance>,
    refused_fields: Option<Vec<String>>,
    fallbacks: Vec<String>,
    route: Option<Route>,
    adapters: Vec<(String, registry::Declared)>,
    /// Whether something was said that there is a problem with, so that its absence is none.
    flawed: bool,
}

impl Reading<'_> {
    pub(super) fn catalogue(&mut self, place: Place, node: Node) {
        for (place, entries) in self.sections(place, node, "models", "{id: NAME, source: PATH}") {
            self.model(place, entries);
        }
        self.names_twice();
        self.fallbacks_nowhere();
    }

    fn model(&mut self, place: Place, entries: Vec<(Key, Node)>) {
        let before = self.problems.len();
        let mut draft = Draft::default();
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            self.field(&mut draft, &name, place, node);
        }
        if let Some(route) = draft.route.take() {
            return self.routed(place, draft, route);
        }
        let remote = self.remote(&place, &mut draft);
        self.placed(&place, &mut draft);
        let Draft {
            id,
            aliases,
            source,
            quantization,
            placement,
            max_tokens,
            defaults,
            group,
            fallbacks,
            adapters,
            flawed,
            ..
        } = draft;
        let (Some(id), Some(source)) = (id, source) else {
            if !flawed && self.problems.len() == before {
                self.malformed(place, "a model needs an id, and a source or upstreams: {id: NAME, source: PATH}");
            }
            return;
        };
        if let (Some(default), Some(limit)) = (defaults.max_tokens, max_tokens)
            && default > limit
        {
            let what = format!("the default max_tokens of {id} is {default}, more than the {limit} of its max_tokens");
            self.problems.push(FileProblem::Malformed { place: place.clone(), what });
        }
        self.declared.push(DeclaredModel {
            id,
            aliases,
            source,
            quantization,
            placement,
            max_tokens,
            defaults,
            group,
            remote,
            fallbacks,
            adapters,
            place,
        });
    }

    /// A name behind which there is no model of its own.
    fn routed(&mut self, place: Place, draft: Draft, route: Route) {
        let Draft {
            id,
            aliases,
            source,
            quantization,
            placement,
            max_tokens,
            defaults,
            group,
            upstreams,
            timeouts,
            balance,
            refused_fields,
            adapters,
            ..
        } = draft;
        let own = source.is_some()
            || quantization.is_some()
            || placement != Placement::default()
            || max_tokens.is_some()
            || defaults != Defaults::default()
            || group != serving::Group::default()
            || upstreams.is_some()
            || timeouts.is_some()
            || balance.is_some()
            || refused_fields.is_some()
            || !adapters.is_empty();
        match id {
            _ if own => self.malformed(
                place,
                "a route has an id, aliases and fallbacks, and nothing else: its candidates have the rest",
            ),
            Some(id) => {
                let route = Route { id, aliases, fallbacks: draft.fallbacks, ..route };
                self.routes.push(DeclaredRoute { route, place });
            }
            None if draft.flawed => {}
            None => self.malformed(place, "a route needs an id: {id: auto, route: {scorer: …}}"),
        }
    }

    /// The servers of a model that runs on some, which become its source.
    fn remote(&mut self, place: &Place, draft: &mut Draft) -> Option<RemoteModel> {
        let (timeouts, balance, refused) = (draft.timeouts.take(), draft.balance.take(), draft.refused_fields.take());
        let Some(mut upstreams) = draft.upstreams.take() else {
            if timeouts.is_some() || balance.is_some() || refused.is_some() {
                let what = "timeouts, balance and refused_fields are for a model with upstreams, and this one has none";
                self.malformed(place.clone(), what);
            }
            return None;
        };
        if draft.source.is_some() || draft.quantization.is_some() || draft.placement != Placement::default() {
            let what = "a model with upstreams runs there: it has no source, no quantization, no engine and no device here";
            self.malformed(place.clone(), what);
        }
        if !draft.adapters.is_empty() {
            self.malformed(place.clone(), "a model with upstreams has its adapters there: each is a model of its own here");
        }
        if upstreams.is_empty() && !draft.flawed {
            self.malformed(place.clone(), "models.upstreams is empty, expected at least one server");
        }
        for upstream in upstreams.iter_mut().filter(|upstream| upstream.model.is_empty()) {
            upstream.model = draft.id.clone().unwrap_or_default();
        }
        let addresses = upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
        draft.source = Some(registry::Declared::Remote(addresses));
        Some(RemoteModel {
            upstreams,
            timeouts: timeouts.unwrap_or_default(),
            balance: balance.unwrap_or_default(),
            refused_fields: refused.unwrap_or_else(|| REFUSED_FIELDS.map(str::to_owned).into()),
        })
    }

    /// Whether this program can run it where it is to run. One with adapters stays with the engine that takes them.
    fn placed(&mut self, place: &Place, draft: &mut Draft) {
        if draft.placement == Placement::default() && !draft.adapters.is_empty() {
            draft.placement.engine = Some(EngineName::Native);
        }
        if let Some(problem) = draft.placement.problem(Built::THIS) {
            self.malformed(place.clone(), problem);
        } else if draft.placement.is_mistralrs() && !draft.adapters.is_empty() {
            self.malformed(place.clone(), "adapters are for the native engine: leave them, or engine and device, out");
        }
    }

    fn field(&mut self, draft: &mut Draft, name: &str, place: Place, node: Node) {
        let before = self.problems.len();
        match name {
            "id" => draft.id = self.parsed("models.id", place, node, false, parse::model_id),
            "aliases" => {
                draft.aliases = self.parsed("models.aliases", place, node, true, parse::model_ids).unwrap_or_default();
            }
            "source" => draft.source = self.parsed("models.source", place, node, false, parse::source),
            "quantization" => {
                draft.quantization = self.parsed("models.quantization", place, node, false, parse::quantization);
            }
            "engine" => {
                draft.placement.engine = self.parsed("models.engine", place, node, false, placement::engine);
            }
            "device" => {
                draft.placement.device = self.parsed("models.device", place, node, false, placement::device);
            }
            "max_tokens" => draft.max_tokens = self.parsed("models.max_tokens", place, node, false, parse::tokens),
            "group" => draft.group = self.parsed("models.group", place, node, false, parse::group).unwrap_or_default(),
            "defaults" => draft.defaults = self.defaults(place, node),
            "upstreams" => draft.upstreams = Some(self.upstreams(place, node)),
            "timeouts" => draft.timeouts = Some(self.timeouts(place, node)),
            "balance" => draft.balance = self.parsed("models.balance", place, node, false, balance),
            "refused_fields" => {
                draft.refused_fields = self.parsed("models.refused_fields", place, node, true, refused_fields);
            }
            "fallbacks" => {
                draft.fallbacks = self.parsed("models.fallbacks", place, node, true, parse::model_ids).unwrap_or_default();
            }
            "route" => draft.route = self.route(place, node),
            "adapters" => draft.adapters = self.adapters(place, node),
            _ => self.unknown_in(place, "models", name, &FIELDS.map(|(name, _)| name)),
        }
        draft.flawed |= self.problems.len() > before;
    }

    fn defaults(&mut self, place: Place, node: Node) -> Defaults {
        let mut defaults = Defaults::default();
        for (Key { name, line }, node) in self.entries(place, node, "models.defaults") {
            let place = self.place(line);
            match name.as_str() {
                "temperature" => {
                    defaults.temperature =
                        self.parsed("models.defaults.temperature", place, node, false, parse::temperature);
                }
                "top_p" => defaults.top_p = self.parsed("models.defaults.top_p", place, node, false, parse::top_p),
                "top_k" => defaults.top_k = self.parsed("models.defaults.top_k", place, node, false, parse::top_k),
                "min_p" => defaults.min_p = self.parsed("models.defaults.min_p", place, node, false, parse::min_p),
                "repetition_penalty" => {
                    let (key, parse) = ("models.defaults.repetition_penalty", parse::repetition_penalty);
                    defaults.repetition_penalty = self.parsed(key, place, node, false, parse);
                }
                "max_tokens" => {
                    defaults.max_tokens = self.parsed("models.defaults.max_tokens", place, node, false, parse::tokens);
                }
                _ => self.unknown_in(place, "models.defaults", &name, &DEFAULTS),
            }
        }
        defaults
    }

    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        place: Place,
        node: Node,
        several: bool,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Option<T> {
        let text = self.text(key, several, &place, node)?;
        text.parse(parse)
            .map_err(|(found, expected)| self.problems.push(FileProblem::Wrong { place, key, found, expected }))
            .ok()
    }

    pub(super) fn unknown_in(&mut self, place: Place, section: &str, name: &str, keys: &[&str]) {
        self.problems.push(unknown(place, section, name, keys));
    }

    /// A model can only be replaced by another one of the catalogue.
    fn fallbacks_nowhere(&mut self) {
        let mut problems = Vec::new();
        for DeclaredModel { id, fallbacks, place, .. } in &self.declared {
            let others = || self.declared.iter().filter(|other| other.id != *id);
            let is_there = |name: &&String| others().any(|other| other.id == **name || other.aliases.contains(name));
            for name in fallbacks.iter().filter(|name| !is_there(name)) {
                let what = format!("models.fallbacks names {name:?}, which is no other model of the catalogue");
                problems.push(FileProblem::Malformed { place: place.clone(), what });
            }
        }
        self.problems.extend(problems);
    }

    /// Ids and aliases are one set of names: a request has one place for them.
    fn names_twice(&mut self) {
        let mut taken: Vec<(&str, &Place)> = Vec::new();
        let mut problems = Vec::new();
        let models = self.declared.iter().map(|model| (&model.id, &model.aliases, &model.adapters[..], &model.place));
        let routes = self.routes.iter().map(|DeclaredRoute { route, place }| (&route.id, &route.aliases, &[][..], place));
        for (id, aliases, adapters, place) in models.chain(routes) {
            for name in std::iter::once(id).chain(aliases).chain(adapters.iter().map(|(id, _)| id)) {
                if let Some((_, first)) = taken.iter().find(|(other, _)| other == name) {
                    let (place, name, first) = (place.clone(), name.clone(), first.line);
                    problems.push(FileProblem::NameTaken { place, name, first });
                } else {
                    taken.push((name, place));
                }
            }
        }
        self.problems.extend(problems);
    }
}

fn unknown(place: Place, section: &str, name: &str, keys: &[&str]) -> FileProblem {
    let hint = match alike::nearest(name, keys.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are: {}", keys.join(", ")),
    };
    FileProblem::Unknown { place, key: format!("{section}.{name}"), hint }
}
