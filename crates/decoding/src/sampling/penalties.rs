//! What was said before makes saying it again less likely.

use std::collections::HashMap;

/// The tokens of the prompt and of the output, and how often each was generated.
#[derive(Debug, Clone, Default)]
pub(super) struct Penalties {
    presence: f32,
    frequency: f32,
    repetition: f32,
    seen: HashMap<u32, u32>,
}

impl Penalties {
    pub(super) fn new(presence: f32, frequency: f32, repetition: f32, prompt: &[u32]) -> Self {
        let mut penalties = Self { presence, frequency, repetition, ..Self::default() };
        if penalties.repeats() {
            penalties.seen = prompt.iter().map(|token| (*token, 0)).collect();
        }
        penalties
    }

    pub(super) fn is_neutral(&self) -> bool {
        !self.repeats() && !self.counts()
    }

    pub(super) fn note(&mut self, token: u32) {
        if !self.is_neutral() {
            *self.seen.entry(token).or_default() += 1;
        }
    }

    /// Repetition over prompt and output, then presence and frequency over the output alone, as vLLM and transformers do.
    /// What the logits were goes to `before`.
    pub(super) fn apply(&self, logits: &mut [f32], before: &mut Vec<(u32, f32)>) {
        for (&token, &generated) in &self.seen {
            let logit = &mut logits[token as usize];
            before.push((token, *logit));
            if self.repeats() {
                // A tiny penalty makes much of it, and of too much there would be no probability.
                *logit = if *logit > 0.0 { (*logit / self.repetition).min(f32::MAX) } else { *logit * self.repetition };
            }
            if generated > 0 {
                *logit -= self.presence + self.frequency * generated as f32;
            }
        }
    }

    #[expect(clippy::float_cmp, reason = "only the exact neutral value does nothing")]
    fn repeats(&self) -> bool {
        self.repetition != 1.0
    }

    fn counts(&self) -> bool {
        self.presence != 0.0 || self.frequency != 0.0
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn repetition_shrinks_what_was_in_prompt_or_output_once() {
        let mut penalties = Penalties::new(0.0, 0.0, 2.0, &[0, 0, 1]);
        penalties.note(1);
        penalties.note(2);
        let mut logits = [4.0, -4.0, 4.0, 4.0];
        penalties.apply(&mut logits, &mut Vec::new());
        assert_eq!(logits, [2.0, -8.0, 2.0, 4.0]);
    }

    #[test]
    fn presence_counts_once_and_frequency_each_time_over_the_output_only() {
        let mut penalties = Penalties::new(1.0, 0.5, 1.0, &[0]);
        penalties.note(1);
        penalties.note(1);
        let mut logits = [4.0, 4.0];
        penalties.apply(&mut logits, &mut Vec::new());
        assert_eq!(logits, [4.0, 2.0]);
    }

    #[test]
    fn however_small_a_penalty_is_there_is_a_number() {
        let penalties = Penalties::new(0.0, 0.0, 1e-39, &[0]);
        let mut logits = [4.0, 4.0];
        penalties.apply(&mut logits, &mut Vec::new());
        assert_eq!(logits, [f32::MAX, 4.0]);
    }
}
