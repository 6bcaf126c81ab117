//! The encoder that needs no download: words, pairs of words and runs of letters, hashed into a vector.
//!
//! Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009): the hash chooses a
//! place and a sign, so that what collides cancels on average. Counts are damped (1 + ln n), as in text retrieval.

use std::collections::BTreeMap;

/// Characters of the runs within a word, its ends included.
const RUNS: [usize; 2] = [3, 4];

/// A run of letters says less than a word, and there are more of them.
const RUN_WEIGHT: f32 = 0.4;
const WORD_PAIR_WEIGHT: f32 = 0.7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedNgrams {
    dimensions: usize,
}

impl HashedNgrams {
    /// Changes whenever a text's embedding would.
    pub const REVISION: &'static str = "1";
    pub const DEFAULT_DIMENSIONS: usize = 512;
    const LARGEST: usize = 1 << 16;

    /// `None` if there would be no dimension, or more than 65,536.
    pub fn new(dimensions: usize) -> Option<Self> {
        (1..=Self::LARGEST).contains(&dimensions).then_some(Self { dimensions })
    }

    pub fn dimensions(self) -> usize {
        self.dimensions
    }

    pub fn encode(self, text: &str) -> Vec<f32> {
        let mut embedding = vec![0.0; self.dimensions];
        // Sorted by hash: a sum of floats depends on its order.
        for (hash, (count, weight)) in grams(text) {
            let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
            embedding[(hash % self.dimensions as u64) as usize] += sign * weight * (1.0 + (count as f32).ln());
        }
        normalise(&mut embedding);
        embedding
    }
}

/// hash → (how often it is there, what one of its kind weighs)
fn grams(text: &str) -> BTreeMap<u64, (u32, f32)> {
    let mut grams = BTreeMap::new();
    let mut add = |hash: u64, weight: f32| grams.entry(hash).or_insert((0, weight)).0 += 1;
    let mut before: Option<String> = None;
    let lower = text.to_lowercase();
    for word in lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        add(hash(b'w', &[word]), 1.0);
        if let Some(before) = &before {
            add(hash(b'p', &[before, word]), WORD_PAIR_WEIGHT);
        }
        for run in runs(word) {
            add(hash(b'c', &[&run]), RUN_WEIGHT);
        }
        before = Some(word.to_owned());
    }
    grams
}

fn runs(word: &str) -> Vec<String> {
    let characters: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    RUNS.iter().flat_map(|length| characters.windows(*length).map(|run| run.iter().collect())).collect()
}

/// FNV-1a of the parts with a separator between them, then the finaliser of MurmurHash3, whose bits are all equally good.
fn hash(kind: u8, parts: &[&str]) -> u64 {
    let bytes = std::iter::once(kind).chain(parts.iter().flat_map(|part| part.bytes().chain(std::iter::once(0))));
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(one: &str, other: &str) -> f32 {
        let encoder = HashedNgrams::new(512).unwrap();
        encoder.encode(one).iter().zip(encoder.encode(other)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_with_words_in_common_lie_close_together() {
        let near = likeness("Write a Python function that sorts a list", "write a function in Python to sort lists");
        let far = likeness("Write a Python function that sorts a list", "Quelle est la capitale de la France ?");
        assert!(near > 0.4 && far.abs() < 0.2, "{near} {far}");
    }

    #[test]
    fn an_embedding_has_length_one() {
        assert!((likeness("Grüße aus 東京", "grüße, aus 東京!") - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_text_without_words_is_zero() {
        assert!(HashedNgrams::new(8).unwrap().encode(" … \n").iter().all(|value| *value == 0.0));
    }

    #[test]
    fn embeddings_stay_what_they_are() {
        let embedding = HashedNgrams::new(4).unwrap().encode("to be or not to be");
        let hundredths: Vec<_> = embedding.iter().map(|value| (value * 100.0).round()).collect();
        assert_eq!(hundredths, [-77.0, -34.0, -38.0, 38.0]);
    }
}
