//! Encoding, held to decoding and to the bytes that the Python package `gguf` gives.

use kernels::Format;
use proptest::prelude::*;

/// What an element may be off by at most, as a part of the widest element of its block.
fn bound(format: Format) -> f32 {
    match format {
        Format::F32 => 0.0,
        Format::F16 => 0.0005,
        Format::Bf16 => 0.004,
        Format::Q8_0 => 0.005,
        Format::Q4_0 => 0.13,
        Format::Q4K => 0.16,
        Format::Q5K => 0.08,
        Format::Q6K => 0.05,
    }
}

fn there_and_back(format: Format, values: &[f32]) -> Vec<f32> {
    let mut bytes = Vec::new();
    format.quantise(values, &mut bytes);
    let mut decoded = vec![0.0; values.len()];
    format.dequantise(&bytes, &mut decoded);
    decoded
}

fn widest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |widest, value| value.abs().max(widest))
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back_nearly(values in prop::collection::vec(-1f32..1.0, 512), size in 0.01f32..100.0) {
        let values: Vec<f32> = values.iter().map(|value| value * size).collect();
        for format in Format::ALL {
            let decoded = there_and_back(format, &values);
            let bound = bound(format) * widest(&values);
            for (value, decoded) in values.iter().zip(&decoded) {
                prop_assert!((value - decoded).abs() <= bound, "{format}: {value} became {decoded}");
            }
        }
    }

    #[test]
    fn blocks_do_not_depend_on_each_other(values in prop::collection::vec(-1f32..1.0, 512)) {
        for format in Format::ALL {
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            format.quantise(&values, &mut whole);
            values.chunks(256).for_each(|part| format.quantise(part, &mut parts));
            prop_assert_eq!(&whole, &parts);
        }
    }
}

#[test]
fn more_bits_lose_less() {
    let values: Vec<f32> = (0..4096).map(|index| ((index * 7919) % 1009) as f32 / 504.5 - 1.0).collect();
    let error = |format: Format| {
        let decoded = there_and_back(format, &values);
        values.iter().zip(&decoded).map(|(value, decoded)| (value - decoded).powi(2)).sum::<f32>()
    };
    let errors = [Format::Q8_0, Format::Q6K, Format::Q5K, Format::Q4K, Format::Q4_0].map(error);
    assert!(errors.is_sorted(), "{errors:?}");
}

#[test]
fn zeros_and_constants_are_kept() {
    for format in Format::ALL {
        assert_eq!(there_and_back(format, &[0.0; 256]), [0.0; 256], "{format}");
        for value in [0.5, -0.5] {
            let decoded = there_and_back(format, &[value; 256]);
            assert!(decoded.iter().all(|decoded| (decoded - value).abs() < 0.005), "{format}: {}", decoded[0]);
        }
    }
}

#[test]
fn the_bytes_are_those_of_gguf() {
    let values: Vec<f32> = (0..32).map(|index| ((index * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let encoded = |format: Format| {
        let mut bytes = Vec::new();
        format.quantise(&values, &mut bytes);
        bytes
    };
    assert_eq!(encoded(Format::Q8_0), Q8_0);
    assert_eq!(encoded(Format::Q4_0), Q4_0);
}

/// `gguf.quants.quantize(values, GGMLQuantizationType.Q8_0)`, and the same for `Q4_0`.
const Q8_0: [u8; 34] = [
    8, 32, 129, 106, 86, 65, 45, 24, 4, 239, 218, 198, 177, 157, 136, 114, 93, 72, 52, 31, 11, 246, 226, 205, 184, 164, 143,
    121, 100, 80, 59, 38, 18, 253,
];
const Q4_0: [u8; 18] = [0, 48, 176, 175, 157, 124, 107, 90, 56, 39, 22, 244, 227, 210, 192, 175, 158, 141];
