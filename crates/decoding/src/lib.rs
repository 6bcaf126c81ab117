//! What every engine in this process does around its model: a request becomes tokens, a row of logits the next token, and
//! tokens become text that may be shown. That all do it here is why a model answers alike whichever of them runs it.
//!
//! In reading order: [`Prompts`] and their [`Encoder`] (tokens, and what fits the context), [`Sampler`] and [`Distribution`] (the next token, and
//! how likely it was), [`Utterance`] (the text, and when it ends), [`Pace`] (how fast that goes).

mod aside;
mod describe;
mod pace;
mod prompt;
mod prompts;
mod sampling;
mod text;
mod utterance;

pub use describe::{are_sound, describe};
pub use pace::Pace;
pub use prompt::Encoder;
pub use prompts::Prompts;
pub use sampling::{Distribution, Sampler, sampling_time};
pub use text::Piece;
pub use utterance::{Advance, Utterance};
