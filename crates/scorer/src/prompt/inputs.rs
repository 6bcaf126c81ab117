//! The row of numbers that a prompt is to a scorer.

use super::{Encoder, FEATURES, Prompt, Scaler, values};

/// Turns prompts into rows: the embedding, then the scaled features. Made once, from the prompts that are trained on.
#[derive(Debug, Clone)]
pub struct Inputs {
    encoder: Encoder,
    scaler: Scaler,
}

impl Inputs {
    pub fn fit(encoder: Encoder, prompts: &[&Prompt]) -> Self {
        let features: Vec<_> = prompts.iter().map(|prompt| prompt.features()).collect();
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
        self.encoder.identity().dimensions + FEATURES
    }

    /// Numbers at the beginning of a row by which prompts are compared: the embedding, or the features where there is none.
    pub fn dimensions(&self) -> usize {
        match self.encoder {
            Encoder::None => FEATURES,
            Encoder::HashedNgrams(_) | Encoder::Sentences(_) => self.encoder.identity().dimensions,
        }
    }

    /// Whether it can be read: an encoder reads texts.
    pub fn can_read(&self, prompt: &Prompt) -> bool {
        matches!(self.encoder, Encoder::None) || prompt.text().is_some()
    }

    /// The row of one that [can be read](Self::can_read).
    pub fn row(&self, prompt: &Prompt) -> Vec<f32> {
        let mut row = prompt.text().map(|text| self.encoder.encode(&[text]).remove(0)).unwrap_or_default();
        row.extend(self.scaled(prompt.features()));
        row
    }

    fn scaled(&self, mut features: [f32; FEATURES]) -> [f32; FEATURES] {
        self.scaler.scale(&mut features);
        features
    }

    /// One row a prompt. A prompt's row does not depend on the other prompts.
    pub fn rows(&self, prompts: &[&str]) -> Vec<Vec<f32>> {
        let mut rows = self.encoder.encode(prompts);
        for (row, prompt) in rows.iter_mut().zip(prompts) {
            row.extend(self.scaled(values(prompt)));
        }
        rows
    }
}
