//! One sequence's way of choosing tokens, with the state that it carries from token to token.

use backend::{Sampling, Temperature};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::draw::{Cutoffs, Draw};
use super::penalties::Penalties;

/// What is colder is greedy, as in vLLM: logits divided by less could exceed what a float holds.
const COLDEST: f32 = 1e-5;

/// The distance between two neighbours when 53 random bits are read as a number in [0, 1).
const UNIT: f64 = 1.0 / (1u64 << 53) as f64;

#[derive(Debug)]
pub struct Sampler {
    temperature: f32,
    cutoffs: Cutoffs,
    bias: Vec<(u32, f32)>,
    penalties: Penalties,
    chance: ChaCha8Rng,
    draw: Draw,
    /// The logits that bias and penalties changed, as they were before.
    before: Vec<(u32, f32)>,
}

impl Sampler {
    /// `choice` tells the answers to one seeded request apart; the first is the one that the request alone would get.
    pub fn new(sampling: &Sampling, choice: u16, prompt: &[u32]) -> Self {
        let chance = match sampling.seed {
            Some(seed) => {
                let mut chance = ChaCha8Rng::seed_from_u64(seed);
                chance.set_stream(u64::from(choice));
                chance
            }
            None => ChaCha8Rng::from_os_rng(),
        };
        Self {
            temperature: sampling.temperature.map_or(1.0, Temperature::get),
            cutoffs: Cutoffs {
                min_p: sampling.min_p.map_or(0.0, backend::MinP::get),
                top_k: sampling.top_k.map_or(usize::MAX, |top_k| top_k.get() as usize),
                top_p: sampling.top_p.map_or(1.0, backend::TopP::get),
            },
            bias: sampling.logit_bias.as_slice().to_vec(),
            penalties: Penalties::new(
                sampling.presence_penalty.map_or(0.0, backend::PresencePenalty::get),
                sampling.frequency_penalty.map_or(0.0, backend::FrequencyPenalty::get),
                sampling.repetition_penalty.map_or(1.0, backend::RepetitionPenalty::get),
                prompt,
            ),
            chance,
            draw: Draw::new(),
            before: Vec::new(),
        }
    }

    /// Chooses the next token. `logits` are changed on the way, and left as they were.
    pub fn choose(&mut self, logits: &mut [f32]) -> u32 {
        self.before.clear();
        for (token, bias) in &self.bias {
            self.before.push((*token, logits[*token as usize]));
            logits[*token as usize] += bias;
        }
        self.penalties.apply(logits, &mut self.before);
        let token = if self.temperature < COLDEST { self.draw.most_likely(logits) } else { self.draw(logits) };
        self.penalties.note(token);
        // What was changed twice gets its first value last.
        for (token, logit) in self.before.iter().rev() {
            logits[*token as usize] = *logit;
        }
        token
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let Self { chance, draw, .. } = self;
        let next = || (chance.next_u64() >> 11) as f64 * UNIT;
        draw.draw(logits, 1.0 / self.temperature, self.cutoffs, next)
    }
}

#[cfg(test)]
mod tests {
    use backend::{LogitBias, PresencePenalty, RepetitionPenalty, TopP};

    use super::*;

    fn seeded(seed: u64) -> Sampling {
        Sampling { seed: Some(seed), ..Sampling::default() }
    }

    fn draw_some(sampling: &Sampling, choice: u16) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling, choice, &[]);
        (0..20).map(|_| sampler.choose(&mut [0.0; 100])).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        assert_eq!(draw_some(&seeded(7), 0), draw_some(&seeded(7), 0));
        assert_ne!(draw_some(&seeded(7), 0), draw_some(&seeded(8), 0));
    }

    #[test]
    fn the_choices_of_one_seed_differ() {
        assert_ne!(draw_some(&seeded(7), 0), draw_some(&seeded(7), 1));
    }

    #[test]
    fn temperature_zero_takes_the_lowest_of_the_most_likely() {
        let sampling = Sampling { temperature: Temperature::new(0.0).ok(), ..Sampling::default() };
        assert_eq!(Sampler::new(&sampling, 0, &[]).choose(&mut [0.0, 2.0, 2.0]), 1);
    }

    #[test]
    fn the_colder_the_surer() {
        for temperature in [1e-3, 1e-5, 1e-30, 1e-38, 1e-45] {
            let sampling = Sampling { temperature: Temperature::new(temperature).ok(), ..seeded(1) };
            assert_eq!(Sampler::new(&sampling, 0, &[]).choose(&mut [40.0, 41.0, -40.0, 40.0]), 1, "{temperature}");
        }
    }

    #[test]
    fn a_bias_can_forbid_and_force() {
        let sampling = Sampling {
            temperature: Temperature::new(0.0).ok(),
            logit_bias: LogitBias::new(vec![(1, -100.0), (0, 50.0)]).unwrap(),
            ..Sampling::default()
        };
        assert_eq!(Sampler::new(&sampling, 0, &[]).choose(&mut [0.0, 9.0, 2.0]), 0);
    }

    #[test]
    fn the_logits_are_left_as_they_were() {
        let sampling = Sampling {
            logit_bias: LogitBias::new(vec![(1, -3.0), (2, 50.0)]).unwrap(),
            repetition_penalty: RepetitionPenalty::new(1.3).ok(),
            presence_penalty: PresencePenalty::new(0.7).ok(),
            ..seeded(1)
        };
        let mut sampler = Sampler::new(&sampling, 0, &[0, 1, 1]);
        let mut logits = [0.1, 0.2, 0.3, 0.4];
        for _ in 0..5 {
            sampler.choose(&mut logits);
        }
        assert_eq!(logits.map(f32::to_bits), [0.1f32, 0.2, 0.3, 0.4].map(f32::to_bits));
    }

    #[test]
    fn broken_logits_end_in_a_token_of_the_vocabulary() {
        let sampling = Sampling { top_p: TopP::new(0.5).ok(), ..seeded(1) };
        let token = Sampler::new(&sampling, 0, &[]).choose(&mut [f32::NAN; 4]);
        assert!(token < 4);
    }
}
