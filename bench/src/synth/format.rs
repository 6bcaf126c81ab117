//! What to write: the container, and the format each kind of matrix gets in it.

use std::str::FromStr;

use anyhow::{Result, bail};
use kernels::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Gguf,
    HuggingFace,
}

#[derive(Debug, Clone)]
pub(super) struct FileFormat {
    pub(super) container: Container,
    pub(super) mixture: Mixture,
}

/// Which matrices get which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mixture {
    All(Format),
    /// llama.cpp's Q4_K_M: six bits for the head and for half of the value and down projections, four elsewhere.
    Q4KM,
}

/// What a matrix does, as far as a mixture treats it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The output head, or embeddings that serve as it.
    Head,
    ValueOrDown {
        layer: usize,
    },
    Other,
}

impl Mixture {
    /// The format of one matrix. Rows that are no whole number of its blocks fall back to Q8_0.
    pub(super) fn format(self, part: Part, layers: usize, columns: usize) -> Format {
        let wanted = match (self, part) {
            (Self::All(format), _) => format,
            (Self::Q4KM, Part::Head) => Format::Q6K,
            (Self::Q4KM, Part::ValueOrDown { layer }) if matters_more(layer, layers) => Format::Q6K,
            (Self::Q4KM, _) => Format::Q4K,
        };
        if wanted.row_bytes(columns).is_some() { wanted } else { Format::Q8_0 }
    }

    /// GGUF's `general.file_type`, which readers show to people.
    pub(super) fn file_type(self) -> u32 {
        match self {
            Self::All(Format::F32) => 0,
            Self::All(Format::F16) => 1,
            Self::All(Format::Q4_0) => 2,
            Self::All(Format::Q8_0) => 7,
            Self::All(Format::Q4K) => 14,
            Self::Q4KM => 15,
            Self::All(Format::Q5K) => 16,
            Self::All(Format::Q6K) => 18,
            Self::All(Format::Bf16) => 32,
        }
    }
}

/// The first and the last eighth of the layers, and every third between.
fn matters_more(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

impl FromStr for FileFormat {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (container, name) = text.split_once(':').unwrap_or(("", text));
        let mixture = match name {
            "f32" => Mixture::All(Format::F32),
            "f16" => Mixture::All(Format::F16),
            "bf16" => Mixture::All(Format::Bf16),
            "q8_0" => Mixture::All(Format::Q8_0),
            "q4_0" => Mixture::All(Format::Q4_0),
            "q4_k" => Mixture::All(Format::Q4K),
            "q5_k" => Mixture::All(Format::Q5K),
            "q6_k" => Mixture::All(Format::Q6K),
            "q4_k_m" => Mixture::Q4KM,
            _ => bail!("no format {name}; there are f32, f16, bf16, q8_0, q4_0, q4_k, q5_k, q6_k and q4_k_m"),
        };
        let container = match container {
            "gguf" => Container::Gguf,
            "hf" if matches!(name, "f32" | "f16" | "bf16") => Container::HuggingFace,
            "hf" => bail!("hf:{name}: a Hugging Face directory holds f32, f16 or bf16"),
            _ => bail!("say gguf:{name} or hf:{name}"),
        };
        Ok(Self { container, mixture })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_no_whole_number_of_blocks_falls_back() {
        assert_eq!(Mixture::Q4KM.format(Part::Other, 24, 896), Format::Q8_0);
        assert_eq!(Mixture::Q4KM.format(Part::Other, 24, 2048), Format::Q4K);
        assert_eq!(Mixture::Q4KM.format(Part::Head, 24, 2048), Format::Q6K);
    }

    #[test]
    fn a_format_says_what_it_could_have_been() {
        assert!("gguf:q4_k_m".parse::<FileFormat>().is_ok());
        assert!("hf:q8_0".parse::<FileFormat>().is_err());
        assert!("q8_0".parse::<FileFormat>().is_err());
    }
}
