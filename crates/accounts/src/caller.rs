//! Who asks.

use crate::limits::{KeyLimits, OrganizationLimits, Unit};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    User,
    /// May change what is served.
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// Which models a key may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Models {
    #[default]
    All,
    These(Vec<String>),
}

impl Models {
    /// `*`, or ids with commas between them.
    pub fn parse(text: &str) -> Self {
        let ids: Vec<String> = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
        if ids.iter().any(|id| id == "*") { Self::All } else { Self::These(ids) }
    }

    pub fn to_text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::These(ids) => ids.join(","),
        }
    }

    pub fn allow(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.iter().any(|allowed| allowed == id),
        }
    }
}

/// Whose request it is, as its key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// For logs and counts: a public id or a name, never a key.
    pub key: String,
    pub organization: String,
    pub role: Role,
    pub models: Models,
    pub key_limits: KeyLimits,
    pub organization_limits: OrganizationLimits,
}

impl Caller {
    /// The organisation of keys that name none, and of everybody where no key is needed.
    pub const DEFAULT_ORGANIZATION: &'static str = "default";

    /// Whether anything that it is held to counts tokens.
    pub fn counts_tokens(&self) -> bool {
        let mut rules = self.key_limits.rules().chain(self.organization_limits.rules());
        rules.any(|rule| rule.unit == Unit::Tokens)
    }

    /// Where no key is needed: everybody may do everything.
    pub fn anyone(limits: OrganizationLimits) -> Self {
        Self {
            key: String::new(),
            organization: Self::DEFAULT_ORGANIZATION.to_owned(),
            role: Role::Admin,
            models: Models::All,
            key_limits: KeyLimits::default(),
            organization_limits: limits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_every_model_and_nothing_is_none() {
        assert_eq!(Models::parse("a, *"), Models::All);
        assert!(Models::parse("a, b/c").allow("b/c"));
        assert!(!Models::parse("a").allow("b"));
        assert!(!Models::parse("").allow("a"));
    }
}
