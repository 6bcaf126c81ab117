//! How much may be asked for. Absent is no limit, and zero is zero.

use crate::window::Period;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Unit {
    Requests,
    Tokens,
}

impl Unit {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// Of one key, if it was given any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyLimits {
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
}

/// Of an organisation, by the UTC calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrganizationLimits {
    pub tokens_per_day: Option<u64>,
    pub requests_per_day: Option<u64>,
    pub tokens_per_month: Option<u64>,
    pub requests_per_month: Option<u64>,
}

impl OrganizationLimits {
    /// What holds once there are keys, if nothing else was said.
    pub const STANDARD: Self = Self {
        tokens_per_day: Some(10_000_000),
        requests_per_day: Some(100_000),
        tokens_per_month: Some(300_000_000),
        requests_per_month: None,
    };
}

/// What an organisation has of its own, in place of what holds for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    None,
    At(u64),
}

/// An organisation's own limits; absent means as for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnLimits {
    pub tokens_per_day: Option<Limit>,
    pub requests_per_day: Option<Limit>,
    pub tokens_per_month: Option<Limit>,
    pub requests_per_month: Option<Limit>,
}

impl OwnLimits {
    /// Each of `self`, else of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            tokens_per_day: self.tokens_per_day.or(other.tokens_per_day),
            requests_per_day: self.requests_per_day.or(other.requests_per_day),
            tokens_per_month: self.tokens_per_month.or(other.tokens_per_month),
            requests_per_month: self.requests_per_month.or(other.requests_per_month),
        }
    }

    pub(crate) fn over(self, all: OrganizationLimits) -> OrganizationLimits {
        let pick = |own: Option<Limit>, all: Option<u64>| match own {
            Some(Limit::None) => None,
            Some(Limit::At(limit)) => Some(limit),
            None => all,
        };
        OrganizationLimits {
            tokens_per_day: pick(self.tokens_per_day, all.tokens_per_day),
            requests_per_day: pick(self.requests_per_day, all.requests_per_day),
            tokens_per_month: pick(self.tokens_per_month, all.tokens_per_month),
            requests_per_month: pick(self.requests_per_month, all.requests_per_month),
        }
    }
}

/// One limit among those that a request is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) unit: Unit,
    pub(crate) period: Period,
    pub(crate) limit: u64,
}

impl KeyLimits {
    pub(crate) fn rules(self) -> impl Iterator<Item = Rule> {
        let Self { requests_per_minute, tokens_per_minute } = self;
        rules([(Unit::Requests, Period::Minute, requests_per_minute), (Unit::Tokens, Period::Minute, tokens_per_minute)])
    }
}

impl OrganizationLimits {
    pub(crate) fn rules(self) -> impl Iterator<Item = Rule> {
        let Self { tokens_per_day, requests_per_day, tokens_per_month, requests_per_month } = self;
        rules([
            (Unit::Tokens, Period::Day, tokens_per_day),
            (Unit::Requests, Period::Day, requests_per_day),
            (Unit::Tokens, Period::Month, tokens_per_month),
            (Unit::Requests, Period::Month, requests_per_month),
        ])
    }
}

fn rules<const N: usize>(all: [(Unit, Period, Option<u64>); N]) -> impl Iterator<Item = Rule> {
    all.into_iter().filter_map(|(unit, period, limit)| Some(Rule { unit, period, limit: limit? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_has_what_holds_for_all_but_for_its_own() {
        let own =
            OwnLimits { tokens_per_day: Some(Limit::At(0)), requests_per_day: Some(Limit::None), ..OwnLimits::default() };
        let limits = own.over(OrganizationLimits::STANDARD);
        assert_eq!(limits.tokens_per_day, Some(0));
        assert_eq!(limits.requests_per_day, None);
        assert_eq!(limits.tokens_per_month, Some(300_000_000));
    }

    #[test]
    fn zero_is_a_limit_and_absent_is_none() {
        let limits = KeyLimits { requests_per_minute: Some(0), tokens_per_minute: None };
        let rules: Vec<_> = limits.rules().collect();
        assert_eq!(rules, [Rule { unit: Unit::Requests, period: Period::Minute, limit: 0 }]);
    }
}
