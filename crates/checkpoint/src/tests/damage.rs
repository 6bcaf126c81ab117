//! Whatever the bytes of a model are, reading them ends in a model or an error.

use std::path::Path;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::bytes::{CONFIG, GGUF_TENSORS, TENSORS, gguf, gguf_keys, safetensors};
use crate::storage::Storage;
use crate::{gguf, hugging_face};

/// A few bytes changed, and perhaps the end cut off.
fn damaged(sound: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = sound.len();
    let changes = vec((0..length, any::<u8>()), 0..4);
    (changes, prop_oneof![3 => Just(length), 1 => 0..length]).prop_map(move |(changes, length)| {
        let mut bytes = sound.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(length);
        bytes
    })
}

/// Damage where the structure is: in the first `head` bytes.
fn damaged_head(sound: Vec<u8>, head: usize) -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop_oneof![Just(0_u64), Just(u64::MAX), Just(1 << 63), Just(1 << 32), any::<u64>()];
    (0..head, numbers, 1_usize..=8).prop_map(move |(at, number, width)| {
        let mut bytes = sound.clone();
        let end = bytes.len().min(at + width);
        bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
        bytes
    })
}

fn open_gguf(bytes: Vec<u8>) {
    let storage = Storage::Owned(Arc::from(bytes));
    if let Ok(model) = gguf::open(Path::new("damaged"), &storage) {
        assert_eq!(model.weights.layers.len(), model.architecture.layers);
    }
}

fn open_safetensors(config: &[u8], weights: Vec<u8>) {
    let storage = Storage::Owned(Arc::from(weights));
    if let Ok(model) = hugging_face::open_bytes(config, &storage) {
        assert_eq!(model.weights.layers.len(), model.architecture.layers);
    }
}

fn sound_gguf() -> Vec<u8> {
    gguf(&gguf_keys(), &GGUF_TENSORS)
}

#[test]
fn what_is_damaged_below_is_sound() {
    let storage = Storage::Owned(Arc::from(sound_gguf()));
    gguf::open(Path::new("sound"), &storage).unwrap();
    hugging_face::open_bytes(CONFIG.as_bytes(), &Storage::Owned(Arc::from(safetensors(&TENSORS)))).unwrap();
}

#[test]
fn a_gguf_file_cut_anywhere_is_refused() {
    let sound = sound_gguf();
    for length in 0..sound.len() {
        let storage = Storage::Owned(Arc::from(&sound[..length]));
        // The last tensor is padded at its end, which nobody needs.
        let complete = length >= sound.len() - 32;
        assert!(gguf::open(Path::new("cut"), &storage).is_err() || complete, "cut after {length} bytes");
    }
}

#[test]
fn a_safetensors_file_cut_anywhere_is_refused() {
    let sound = safetensors(&TENSORS);
    for length in 0..sound.len() {
        let storage = Storage::Owned(Arc::from(&sound[..length]));
        assert!(hugging_face::open_bytes(CONFIG.as_bytes(), &storage).is_err(), "cut after {length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn gguf_files(bytes in damaged(sound_gguf())) {
        open_gguf(bytes);
    }

    #[test]
    fn heads_of_gguf_files(bytes in damaged_head(sound_gguf(), 1700)) {
        open_gguf(bytes);
    }

    #[test]
    fn bytes_that_only_begin_like_gguf(bytes in vec(any::<u8>(), 0..200)) {
        open_gguf([b"GGUF\x03\0\0\0", bytes.as_slice()].concat());
    }

    #[test]
    fn safetensors_files(bytes in damaged(safetensors(&TENSORS))) {
        open_safetensors(CONFIG.as_bytes(), bytes);
    }

    #[test]
    fn heads_of_safetensors_files(bytes in damaged_head(safetensors(&TENSORS), 1200)) {
        open_safetensors(CONFIG.as_bytes(), bytes);
    }

    #[test]
    fn configurations(config in damaged(CONFIG.as_bytes().to_vec())) {
        open_safetensors(&config, safetensors(&TENSORS));
    }

    #[test]
    fn numbers_in_configurations(at in 0_usize..12, number in prop_oneof![
        Just("0".to_owned()), Just("-1".to_owned()), Just("1e300".to_owned()), Just("null".to_owned()),
        Just("18446744073709551615".to_owned()), Just("\"8\"".to_owned()), any::<u32>().prop_map(|number| number.to_string()),
    ]) {
        let Some(config) = replace_number(CONFIG, at, &number) else { return Ok(()) };
        open_safetensors(config.as_bytes(), safetensors(&TENSORS));
    }
}

/// The text with the value of the `at`-th key that has a number replaced.
fn replace_number(text: &str, at: usize, number: &str) -> Option<String> {
    let (start, _) = text.match_indices("\": ").filter(|(start, _)| text.as_bytes()[start + 3].is_ascii_digit()).nth(at)?;
    let start = start + 3;
    let end = start + text[start..].find([',', '}', '\n'])?;
    Some(format!("{}{number}{}", &text[..start], &text[end..]))
}
