//! Prompts as the clients send them: of any length from 50 to 200 tokens, no two alike, and always the same for the same seed.

use crate::random::Random;

pub(super) const SHORTEST: usize = 50;
pub(super) const LONGEST: usize = 200;

/// Below these most vocabularies have what no text consists of: special tokens and single bytes.
const FIRST_TOKEN: usize = 300;

#[derive(Debug, Clone, Copy)]
pub(super) struct Workload {
    pub(super) vocabulary: usize,
    pub(super) seed: u64,
}

impl Workload {
    /// `count` prompts. Both servers and the engine get the very same, by their ids, so that no tokenizer makes a difference.
    pub(super) fn prompts(self, count: usize) -> Vec<Vec<u32>> {
        let mut random = Random::new(self.seed, "lengths");
        let length = |_| SHORTEST + (random.next() % (LONGEST - SHORTEST + 1) as u64) as usize;
        let lengths: Vec<usize> = (0..count).map(length).collect();
        lengths.iter().enumerate().map(|(index, length)| self.tokens(&format!("prompt {index}"), *length)).collect()
    }

    /// `length` tokens that `label` names.
    pub(super) fn tokens(self, label: &str, length: usize) -> Vec<u32> {
        let mut random = Random::new(self.seed, label);
        // The last ones are special tokens again, in many vocabularies.
        let first = FIRST_TOKEN.min(self.vocabulary / 2);
        let choice = (self.vocabulary * 9 / 10).saturating_sub(first).max(1) as u64;
        (0..length).map(|_| (first as u64 + random.next() % choice) as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prompts_are_different_repeatable_and_of_the_lengths_promised() {
        let workload = Workload { vocabulary: 32_000, seed: 1 };
        let prompts = workload.prompts(64);
        assert_eq!(prompts, workload.prompts(64));
        assert_ne!(prompts, Workload { seed: 2, ..workload }.prompts(64));
        let beginnings: HashSet<_> = prompts.iter().map(|prompt| &prompt[..16]).collect();
        assert_eq!(beginnings.len(), 64);
        assert!(prompts.iter().all(|prompt| (SHORTEST..=LONGEST).contains(&prompt.len())));
        assert!(prompts.iter().flatten().all(|token| (300..28_800 + 300).contains(token)));
    }

    #[test]
    fn a_small_vocabulary_has_prompts_too() {
        let prompts = Workload { vocabulary: 384, seed: 0 }.prompts(2);
        assert!(prompts.iter().flatten().all(|token| (192..346).contains(token)));
    }
}
