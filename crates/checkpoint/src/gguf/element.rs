//! The types of tensors, as GGML numbers them.

use kernels::Format;

const NUMBERED: [(u32, Format); 8] = [
    (0, Format::F32),
    (1, Format::F16),
    (2, Format::Q4_0),
    (8, Format::Q8_0),
    (12, Format::Q4K),
    (13, Format::Q5K),
    (14, Format::Q6K),
    (30, Format::Bf16),
];

/// Those that files have and that are not read, to be told by name.
const OTHERS: [(u32, &str); 20] = [
    (3, "Q4_1"),
    (6, "Q5_0"),
    (7, "Q5_1"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (28, "F64"),
    (39, "MXFP4"),
];

/// The format of a number, or else what to call it.
pub(super) fn of(number: u32) -> Result<Format, String> {
    if let Some((_, format)) = NUMBERED.iter().find(|(known, _)| *known == number) {
        return Ok(*format);
    }
    let name = OTHERS.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    Err(name.unwrap_or_else(|| format!("the unknown type {number}")))
}

/// The number of a format.
pub(super) fn number(format: Format) -> u32 {
    // The table has them all; a test holds it to that.
    NUMBERED.iter().find(|(_, known)| *known == format).map_or(0, |(number, _)| *number)
}

pub(super) fn expected() -> String {
    format!("one of {}", NUMBERED.map(|(_, format)| format.name()).join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_number_of_its_own() {
        for format in Format::ALL {
            assert_eq!(of(number(format)), Ok(format));
        }
    }
}
