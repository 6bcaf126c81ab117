//! Which prompts are trained on and which are held out. By prompt, not by line: the same question must not be on both sides.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Fitted to: scaler, weights, baselines.
    Training,
    /// Looked at while training, to know when to stop.
    Validation,
    /// Looked at once, at the end.
    HeldOut,
}

/// A prompt's part depends on its text and the seed alone. So what was held out stays so in a larger file, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub seed: u64,
    /// Of a hundred prompts.
    pub validation_percent: u8,
    pub held_out_percent: u8,
}

impl Split {
    pub fn new(seed: u64) -> Self {
        Self { seed, validation_percent: 10, held_out_percent: 20 }
    }

    pub fn of(self, prompt: &str) -> Part {
        let held_out = u64::from(self.held_out_percent);
        match self.place(prompt) {
            place if place < held_out => Part::HeldOut,
            place if place < held_out + u64::from(self.validation_percent) => Part::Validation,
            _ => Part::Training,
        }
    }

    /// In 0..100. White space around a prompt makes no other prompt of it.
    fn place(self, prompt: &str) -> u64 {
        let mut digest = Sha256::new();
        digest.update(self.seed.to_le_bytes());
        digest.update(prompt.trim().as_bytes());
        let bytes = digest.finalize();
        bytes.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte)) % 100
    }
}
