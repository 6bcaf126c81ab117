//! A model in a line.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// As `config.json` has it in `model_type`.
    pub family: &'static str,
    /// Whether it says what a text is in place of going on with it.
    pub classifies: bool,
    /// Tokens that prompt and answer may have together.
    pub context: usize,
    /// The element format that most of the weights are in, as people write it: `"Q8_0"`, `"BF16"`.
    pub format: String,
    /// Elements of all tensors.
    pub parameters: u64,
    /// Bytes of all tensors, in the file.
    pub bytes: u64,
}

/// "llama, 3.1 M parameters, Q8_0"
impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, format, parameters, .. } = self;
        let (size, unit) = match *parameters as f64 {
            parameters if parameters < 1e6 => (parameters / 1e3, 'k'),
            parameters if parameters < 1e9 => (parameters / 1e6, 'M'),
            parameters => (parameters / 1e9, 'B'),
        };
        write!(formatter, "{family}, {size:.1} {unit} parameters, {format}")
    }
}
