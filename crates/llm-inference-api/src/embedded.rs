//! The model that is part of the binary, so that a fresh machine has something to serve.

use backend::Temperature;
use serving::Defaults;

/// What clients call it.
pub(crate) const ID: &str = "demo";

/// Its answers are right or wrong, so that chance can only spoil them: who wants it asks for a temperature.
pub(crate) fn defaults() -> Defaults {
    Defaults { temperature: Temperature::new(0.0).ok(), ..Defaults::default() }
}

/// A GGUF file, made by what lies beside it.
pub(crate) static GGUF: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/demo.gguf"));
