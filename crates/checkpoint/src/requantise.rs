//! Weights in another format than the files have: encoded anew, row by row, whenever they are read. So a model is never in
//! memory in both.

use std::fmt;

use kernels::{Format, Rows};

use crate::{Checkpoint, Linear, SentenceEncoder, Summary, Tensor, Weights};

/// What the head is encoded in, and what comes in the place of a format of larger blocks than a matrix's rows can be cut into.
/// The head decides between all tokens, and is the embeddings too where a model has them once: GGML's own mixtures of formats
/// give it more bits than the rest.
const FINER: Format = Format::Q8_0;

/// What was done to the matrices of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requantisation {
    /// What was asked for.
    pub format: Format,
    /// Matrices that are in this format now, and were not.
    pub encoded: usize,
    /// Matrices that are in `Q8_0` in its place.
    pub finer: usize,
    /// Matrices that are as stored: they have no more bits than this, and more bits do not bring back what is lost.
    pub kept: usize,
}

impl Requantisation {
    pub fn changes_nothing(&self) -> bool {
        self.encoded + self.finer == 0
    }
}

/// "197 matrices encoded as Q4_K, 1 as Q8_0, 0 kept as stored"
impl fmt::Display for Requantisation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, encoded, finer, kept } = self;
        write!(formatter, "{encoded} matrices encoded as {format}, {finer} as {FINER}, {kept} kept as stored")
    }
}

impl Checkpoint {
    /// Has the matrices that are multiplied with in `format`, as far as that takes fewer bits than they have. Norms, biases,
    /// learned positions, and embeddings that are looked up alone stay as they are.
    pub fn requantise(&mut self, format: Format) -> Requantisation {
        let done = self.weights.requantise(format);
        done.tell(&mut self.summary);
        done
    }
}

impl SentenceEncoder {
    /// The same: all but the norms, the biases, and what is looked up.
    pub fn requantise(&mut self, format: Format) -> Requantisation {
        let mut done = Requantisation::to(format);
        for layer in &mut self.weights.layers {
            let attention = [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.output];
            for Linear { weight, bias: _ } in attention.into_iter().chain([&mut layer.up, &mut layer.down]) {
                done.matrix(weight, &[format, FINER]);
            }
        }
        done.tell(&mut self.summary);
        done
    }
}

impl Weights {
    fn requantise(&mut self, format: Format) -> Requantisation {
        let mut done = Requantisation::to(format);
        let head = self.head.as_mut().unwrap_or(&mut self.embeddings);
        let finest = if bits(format) < bits(FINER) { FINER } else { format };
        done.matrix(head, &[finest]);
        for layer in &mut self.layers {
            let attention = [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.output];
            let mlp = layer.gate.iter_mut().chain([&mut layer.up, &mut layer.down]);
            for Linear { weight, bias: _ } in attention.into_iter().chain(mlp) {
                done.matrix(weight, &[format, FINER]);
            }
        }
        done
    }
}

impl Requantisation {
    const fn to(format: Format) -> Self {
        Self { format, encoded: 0, finer: 0, kept: 0 }
    }

    fn tell(&self, summary: &mut Summary) {
        if !self.changes_nothing() {
            summary.format = format!("{} encoded as {}", summary.format, self.format);
        }
    }

    /// Takes the first of the formats that the rows can be cut into and that is smaller than what is stored.
    fn matrix(&mut self, tensor: &mut Tensor, formats: &[Format]) {
        let mut smaller = formats.iter().filter(|format| bits(**format) < bits(tensor.format()));
        let Some(encoded) = smaller.find_map(|format| tensor.encoded_as(*format)) else {
            self.kept += 1;
            return;
        };
        *if encoded.format() == self.format { &mut self.encoded } else { &mut self.finer } += 1;
        *tensor = encoded;
    }
}

/// Bits of an element, in 1/256, so that they are whole for every format.
fn bits(format: Format) -> usize {
    format.block_bytes() * 8 * (256 / format.block_elements())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name)
    }

    fn open(name: &str) -> Checkpoint {
        Checkpoint::open(&fixture(name)).unwrap()
    }

    #[test]
    fn all_matrices_take_the_format_and_the_head_no_less_than_eight_bits() {
        let done = |format| {
            let mut checkpoint = open("hf/llama");
            let Requantisation { encoded, finer, kept, .. } = checkpoint.requantise(format);
            let matrices = 1 + 7 * checkpoint.weights.layers.len();
            assert_eq!(encoded + finer + kept, matrices);
            (matrices - encoded, finer, checkpoint.summary.format)
        };
        assert_eq!(done(Format::Q8_0), (0, 0, "F32 encoded as Q8_0".into()));
        assert_eq!(done(Format::Bf16), (0, 0, "F32 encoded as BF16".into()));
        assert_eq!(done(Format::Q4_0), (1, 1, "F32 encoded as Q4_0".into()));
    }

    #[test]
    fn rows_that_are_no_blocks_of_a_format_take_eight_bits() {
        let mut checkpoint = open("hf/llama");
        let Requantisation { encoded, finer, kept, .. } = checkpoint.requantise(Format::Q4K);
        assert!(encoded == 0 && kept == 0 && finer > 1, "{encoded} {finer} {kept}");
    }

    #[test]
    fn more_bits_are_never_taken() {
        let mut checkpoint = open("hf/llama");
        checkpoint.requantise(Format::Q8_0);
        let summary = checkpoint.summary.clone();
        assert!(checkpoint.requantise(Format::Bf16).changes_nothing());
        assert_eq!(checkpoint.summary, summary);
    }

    /// A group of 32 is rounded to 255 steps between minus and plus its widest element.
    #[test]
    fn q8_0_is_within_half_a_step() {
        let stored = open("hf/llama").weights;
        let mut requantised = stored.clone();
        requantised.requantise(Format::Q8_0);
        let matrices = |weights: &Weights| weights.layers.iter().map(|layer| layer.down.weight.clone()).collect::<Vec<_>>();
        for (before, after) in matrices(&stored).into_iter().zip(matrices(&requantised)) {
            let (mut exact, mut rounded) = (vec![0.0; before.columns()], vec![0.0; before.columns()]);
            for row in 0..before.rows() {
                before.dequantise_row(row, &mut exact);
                after.dequantise_row(row, &mut rounded);
                for (exact, rounded) in exact.chunks(32).zip(rounded.chunks(32)) {
                    let widest = exact.iter().fold(0.0_f32, |widest, value| widest.max(value.abs()));
                    let farthest = exact.iter().zip(rounded).fold(0.0_f32, |far, (one, other)| far.max((one - other).abs()));
                    // Half a step, and the rounding of the scale to a half float.
                    assert!(farthest <= widest * (0.5 / 127.0 + 1.0 / 2048.0) && farthest > 0.0, "{farthest} of {widest}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_product_stays_as_it_was() {
        let mut checkpoint = open("hf/gpt2");
        let positions = checkpoint.weights.positions.clone().unwrap().format();
        let norm = checkpoint.weights.final_norm.clone();
        checkpoint.requantise(Format::Q8_0);
        assert_eq!(checkpoint.weights.positions.unwrap().format(), positions);
        assert_eq!(checkpoint.weights.final_norm, norm);
    }
}
