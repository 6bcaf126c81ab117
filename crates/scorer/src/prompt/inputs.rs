//! The row of numbers that a prompt is to a scorer.

use super::{Encoder, FEATURES, Scaler, values};

/// Turns prompts into rows: the embedding, then the scaled features. Made once, from the prompts that are trained on.
#[derive(Debug, Clone)]
pub struct Inputs {
    encoder: Encoder,
    scaler: Scaler,
}

impl Inputs {
    pub fn fit(encoder: Encoder, prompts: &[&str]) -> Self {
        let features: Vec<_> = prompts.iter().map(|prompt| values(prompt)).collect();
        let scaler = Scaler::fit(&features.iter().map(<[f32; FEATURES]>::as_slice).collect::<Vec<_>>());
        Self { encoder, scaler }
    }

    /// `None` if the scaler is not one for the features that this program counts.
    pub fn restore(encoder: Encoder, scaler: Scaler) -> Option<Self> {
        (scaler.is_sound() && scaler.width() == FEATURES).then_some(Self { encoder, scaler })
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub fn scaler(&self) -> &Scaler {
        &self.scaler
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.dimensions() + FEATURES
    }

    /// Numbers at the beginning of a row that are the embedding.
    pub fn dimensions(&self) -> usize {
        self.encoder.identity().dimensions
    }

    /// One row a prompt. A prompt's row does not depend on the other prompts.
    pub fn rows(&self, prompts: &[&str]) -> Vec<Vec<f32>> {
        let mut rows = self.encoder.encode(prompts);
        for (row, prompt) in rows.iter_mut().zip(prompts) {
            let mut features = values(prompt);
            self.scaler.scale(&mut features);
            row.extend(features);
        }
        rows
    }
}
