//! What is counted where.

use std::time::SystemTime;

use crate::caller::Caller;
use crate::limits::{Rule, Unit};
use crate::window::{Period, Window};

/// Requests or tokens of one key or organisation in one window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Counter {
    pub(crate) scope: Scope,
    pub(crate) unit: Unit,
    pub(crate) window: Window,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    Key(String),
    Organization(String),
}

impl Counter {
    /// As the database names it, together with the beginning of the window.
    pub(crate) fn name(&self) -> String {
        let (kind, id) = match &self.scope {
            Scope::Key(id) => ("key", id),
            Scope::Organization(id) => ("organization", id),
        };
        format!("{}/{}/{kind}/{id}", self.unit.as_str(), self.window.period.as_str())
    }

    /// For the client: "tokens a day".
    pub(crate) fn what(&self) -> String {
        format!("{} a {}", self.unit.as_str(), self.window.period.as_str())
    }

    /// Whether it limits how fast, not how much.
    pub(crate) fn is_rate(&self) -> bool {
        self.window.period == Period::Minute
    }
}

/// What one request wants of one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) counter: Counter,
    pub(crate) limit: u64,
    pub(crate) amount: u64,
}

/// Everything that so many requests, of so many tokens at most, are held to.
pub(crate) fn asks(caller: &Caller, requests: u64, tokens: u64, now: SystemTime) -> Vec<Ask> {
    let ask = |scope: &Scope, rule: Rule| Ask {
        counter: Counter { scope: scope.clone(), unit: rule.unit, window: Window::at(rule.period, now) },
        limit: rule.limit,
        amount: match rule.unit {
            Unit::Requests => requests,
            Unit::Tokens => tokens,
        },
    };
    // Two organisations may call a key by the same name.
    let key = Scope::Key(format!("{}/{}", caller.organization, caller.key));
    let organization = Scope::Organization(caller.organization.clone());
    let of_key = caller.key_limits.rules().map(|rule| ask(&key, rule));
    let of_organization = caller.organization_limits.rules().map(|rule| ask(&organization, rule));
    of_key.chain(of_organization).collect()
}
