//! What is known of a prompt that is learned from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{FEATURES, names, values};

#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    Text(String),
    /// Its features, unscaled, where its text was not to be kept.
    Features(Box<[f32; FEATURES]>),
}

impl Prompt {
    /// From features by their names, of which there has to be each.
    pub fn of_features(mut named: BTreeMap<String, f32>) -> Result<Self, String> {
        let mut features = Box::new([0.0; FEATURES]);
        for (place, name) in features.iter_mut().zip(names()) {
            *place = named.remove(name).ok_or_else(|| format!("features.{name} is missing"))?;
        }
        match named.into_keys().next() {
            Some(name) => Err(format!("features.{name} is none that this program counts")),
            None => Ok(Self::Features(features)),
        }
    }

    pub fn features(&self) -> [f32; FEATURES] {
        match self {
            Self::Text(text) => values(text),
            Self::Features(features) => **features,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Features(_) => None,
        }
    }

    /// The same for the same prompt, and for no other.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            // No text begins so.
            Self::Features(features) => {
                Cow::Owned(features.iter().fold("\0".to_owned(), |key, value| key + &format!("{:08x}", value.to_bits())))
            }
        }
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Features by their names, as files have them.
pub fn named(features: &[f32; FEATURES]) -> BTreeMap<String, f32> {
    names().map(str::to_owned).zip(features.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_come_back_by_their_names() {
        let text = Prompt::Text("Write 3 lines of Rust".to_owned());
        let kept = Prompt::of_features(named(&text.features())).unwrap();
        assert_eq!((kept.features(), kept.text()), (text.features(), None));
        assert!(kept.key() != text.key() && kept.key() == Prompt::Features(Box::new(text.features())).key());
    }

    #[test]
    fn features_of_another_program_are_refused() {
        let mut features = named(&values("a"));
        features.insert("charm".to_owned(), 1.0);
        assert_eq!(Prompt::of_features(features.clone()).unwrap_err(), "features.charm is none that this program counts");
        features.remove("words");
        assert_eq!(Prompt::of_features(features).unwrap_err(), "features.words is missing");
    }
}
