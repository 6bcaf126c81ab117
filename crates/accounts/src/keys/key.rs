//! `llm-<public id>-<secret>`: 8 random bytes to know a key by, and 32 that nobody else knows, both in hexadecimal.

use std::time::SystemTime;

use super::hash::hex;
use crate::caller::{Models, Role};
use crate::limits::KeyLimits;
use crate::secret::Secret;
use crate::store::StoreError;

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub organization: String,
    /// For people.
    pub name: String,
    pub role: Role,
    pub models: Models,
    pub limits: KeyLimits,
    pub expires: Option<SystemTime>,
}

/// A key that was just made: the one time that its secret is there to be shown.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub id: String,
    pub secret: Secret,
    pub template: Template,
}

impl NewKey {
    pub(crate) fn random(template: Template) -> Result<Self, StoreError> {
        let id = hex(&random::<8>()?);
        let secret = Secret::new(format!("llm-{id}-{}", hex(&random::<32>()?)));
        Ok(Self { id, secret, template })
    }
}

/// The public part of a key that has the form of one.
pub(super) fn public_id(key: &Secret) -> Option<&str> {
    let (id, secret) = key.reveal().strip_prefix("llm-")?.split_once('-')?;
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex(id, 16) && is_hex(secret, 64)).then_some(id)
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_public_part_only() {
        let template = Template {
            organization: "acme".into(),
            name: "ci".into(),
            role: Role::User,
            models: Models::All,
            limits: KeyLimits::default(),
            expires: None,
        };
        let (one, other) = (NewKey::random(template.clone()).expect("a key"), NewKey::random(template).expect("a key"));
        assert_ne!(one.secret, other.secret);
        assert_eq!(public_id(&one.secret), Some(one.id.as_str()));
        assert_eq!(one.secret.reveal().len(), 4 + 16 + 1 + 64);
        assert!(!format!("{one:?}").contains(&one.secret.reveal()[21..]));
    }

    #[test]
    fn what_is_no_key_of_ours_has_no_public_part() {
        for text in ["", "not-needed", "sk-0123456789abcdef", "llm-0123456789abcdef", "llm-0123456789abcdef-00"] {
            assert_eq!(public_id(&Secret::new(text)), None);
        }
    }
}
