//! `organizations:`, who may ask: what each may use, and its keys, of which the file knows the hashes alone.

use accounts::{Hash, KeyLimits, Limit, Listed, Models, Organization, OwnLimits, Role};
use jiff::Timestamp;

use super::keys::Reading;
use super::yaml::{Key, Node};
use super::{FileProblem, Place, Text};
use crate::settings::parse::{self, Expected};

/// The keys of an organisation, and what they mean.
pub(crate) const ORGANIZATION: [(&str, &str); 3] = [
    ("id", "its name"),
    (
        "limits",
        "in place of `limits.organization`, each a number or `none`: `tokens_per_day`, `requests_per_day`, `tokens_per_month`, `requests_per_month`",
    ),
    (
        "keys",
        "a list: `name`, `sha256` (of the whole key, as `printf %s KEY | sha256sum` prints it), and what it may, if that is not everything: `role` \
         (`user` or `admin`), `models` (a list, or `\"*\"`), `expires` (as `2027-01-01T00:00:00Z`), `requests_per_minute`, `tokens_per_minute`",
    ),
];

const LIMITS: [&str; 4] = ["tokens_per_day", "requests_per_day", "tokens_per_month", "requests_per_month"];
const KEY: [&str; 7] = ["name", "sha256", "role", "models", "expires", "requests_per_minute", "tokens_per_minute"];

/// What has been read of a key.
#[derive(Debug, Default)]
struct Draft {
    name: Option<String>,
    hash: Option<Hash>,
    role: Role,
    models: Models,
    limits: KeyLimits,
    expires: Option<Timestamp>,
}

impl Reading<'_> {
    pub(super) fn organizations(&mut self, place: Place, node: Node) {
        for (place, entries) in self.sections(place, node, "organizations", "{id: NAME, keys: [{name: NAME, sha256: HASH}]}")
        {
            self.organization(place, entries);
        }
    }

    fn organization(&mut self, place: Place, entries: Vec<(Key, Node)>) {
        let before = self.problems.len();
        let (mut id, mut limits, mut keys) = (None, OwnLimits::default(), None);
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            match name.as_str() {
                "id" => id = self.parsed("organizations.id", place, node, false, parse::account_name),
                "limits" => limits = self.own_limits(place, node),
                "keys" => keys = Some((place, node)),
                _ => self.unknown_in(place, "organizations", &name, &ORGANIZATION.map(|(name, _)| name)),
            }
        }
        let Some(id) = id else {
            if self.problems.len() == before {
                self.malformed(place, "an organisation needs an id: {id: NAME}");
            }
            return;
        };
        if self.organizations.iter().any(|other| other.id == id) {
            self.malformed(place, format!("the organisation {id:?} is there twice"));
        }
        if let Some((place, node)) = keys {
            self.keys_of(&id, place, node);
        }
        self.organizations.push(Organization { id, limits });
    }

    fn own_limits(&mut self, place: Place, node: Node) -> OwnLimits {
        let mut limits = OwnLimits::default();
        for (Key { name, line }, node) in self.entries(place, node, "organizations.limits") {
            let place = self.place(line);
            let (key, limit) = match name.as_str() {
                "tokens_per_day" => ("organizations.limits.tokens_per_day", &mut limits.tokens_per_day),
                "requests_per_day" => ("organizations.limits.requests_per_day", &mut limits.requests_per_day),
                "tokens_per_month" => ("organizations.limits.tokens_per_month", &mut limits.tokens_per_month),
                "requests_per_month" => ("organizations.limits.requests_per_month", &mut limits.requests_per_month),
                _ => {
                    self.unknown_in(place, "organizations.limits", &name, &LIMITS);
                    continue;
                }
            };
            let allowance = self.parsed(key, place, node, false, parse::allowance);
            *limit = allowance.map(|parse::Allowance(limit)| limit.map_or(Limit::None, Limit::At));
        }
        limits
    }

    fn keys_of(&mut self, organization: &str, place: Place, node: Node) {
        for (place, entries) in self.sections(place, node, "organizations.keys", "{name: NAME, sha256: HASH}") {
            self.key_of(organization, place, entries);
        }
    }

    fn key_of(&mut self, organization: &str, place: Place, entries: Vec<(Key, Node)>) {
        let before = self.problems.len();
        let mut draft = Draft::default();
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            self.key_field(&mut draft, &name, place, node);
        }
        let Draft { name, hash, role, models, limits, expires } = draft;
        let (Some(name), Some(hash)) = (name, hash) else {
            if self.problems.len() == before {
                self.malformed(place, "a key needs a name and a hash: {name: NAME, sha256: HASH}");
            }
            return;
        };
        if self.listed.iter().any(|other| other.hash == hash) {
            return self.malformed(place, format!("the key {name:?} is there under another name too"));
        }
        let (organization, expires) = (organization.to_owned(), expires.map(Into::into));
        self.listed.push(Listed { hash, name, organization, role, models, limits, expires });
    }

    fn key_field(&mut self, draft: &mut Draft, name: &str, place: Place, node: Node) {
        match name {
            "name" => draft.name = self.parsed("organizations.keys.name", place, node, false, parse::account_name),
            "sha256" => draft.hash = self.hash(place, node),
            "role" => draft.role = self.parsed("organizations.keys.role", place, node, false, role).unwrap_or_default(),
            "models" => {
                let key = "organizations.keys.models";
                draft.models = self.parsed(key, place, node, true, models).unwrap_or(Models::These(Vec::new()));
            }
            "expires" => draft.expires = self.parsed("organizations.keys.expires", place, node, false, time),
            "requests_per_minute" => {
                let key = "organizations.keys.requests_per_minute";
                draft.limits.requests_per_minute = self.parsed(key, place, node, false, parse::amount);
            }
            "tokens_per_minute" => {
                let key = "organizations.keys.tokens_per_minute";
                draft.limits.tokens_per_minute = self.parsed(key, place, node, false, parse::amount);
            }
            _ => self.unknown_in(place, "organizations.keys", name, &KEY),
        }
    }

    /// Not as other values: whoever wrote the key itself here should not find it in a log.
    fn hash(&mut self, place: Place, node: Node) -> Option<Hash> {
        let key = "organizations.keys.sha256";
        let text = self.text(key, false, &place, node)?;
        let hash = if let Text::Value { text, .. } = &text { Hash::parse(text.trim()) } else { None };
        if hash.is_none() {
            let expected = Expected("the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints");
            self.problems.push(FileProblem::Wrong { place, key, found: "something else".to_owned(), expected });
        }
        hash
    }
}

fn role(text: &str) -> Result<Role, Expected> {
    Role::parse(text).ok_or(Expected("user or admin"))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a parser of values")]
fn models(text: &str) -> Result<Models, Expected> {
    Ok(Models::parse(text))
}

fn time(text: &str) -> Result<Timestamp, Expected> {
    text.parse().map_err(|_| Expected("a time, as 2027-01-01T00:00:00Z"))
}
