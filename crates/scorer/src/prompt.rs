//! A prompt as numbers: the encoder's embedding, then the readable features, brought to one scale.

mod encoder;
mod features;
mod inputs;
mod known;
mod lexicon;
mod ngrams;
mod reading;
mod scaler;

pub use encoder::{Encoder, Encoders, Identity, Sentences};
pub use features::{FEATURES, names, values};
pub use inputs::Inputs;
pub use known::{Prompt, named};
pub use ngrams::HashedNgrams;
pub use scaler::Scaler;
