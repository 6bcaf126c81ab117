//! The numbers are those of sentence-transformers: `tests/fixtures/make_encoders.py` made the small encoders and asked it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use checkpoint::SentenceEncoder;
use encoder::{Parallel, SentenceModel};
use kernels::Format;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

pub(crate) fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn open(name: &str) -> SentenceModel {
    SentenceModel::open(&directory(name), Parallel::Together(NonZeroUsize::MIN.saturating_add(1))).unwrap()
}

fn expected(name: &str) -> Expected {
    serde_json::from_slice(&std::fs::read(directory(name).join("expected.json")).unwrap()).unwrap()
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    // One takes the mean and one the first token; one has a text's places from 0 on and one behind that of padding.
    for name in ["bert", "xlm-roberta"] {
        let (model, expected) = (open(name), expected(name));
        let found = model.encode(&expected.texts).unwrap();
        for ((text, found), expected) in expected.texts.iter().zip(&found).zip(&expected.vectors) {
            let far = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && far < 2e-6, "{name} {text:?}: {far}");
        }
    }
}

#[test]
fn half_the_bits_turn_a_vector_by_little() {
    let texts = expected("bert").texts;
    let exact = open("bert").encode(&texts).unwrap();
    let mut files = SentenceEncoder::open(&directory("bert")).unwrap();
    assert!(!files.requantise(Format::Bf16).changes_nothing());
    let coarse = SentenceModel::new(files, Parallel::Together(NonZeroUsize::MIN)).unwrap();
    for ((text, exact), coarse) in texts.iter().zip(&exact).zip(coarse.encode(&texts).unwrap()) {
        let cosine: f32 = exact.iter().zip(&coarse).map(|(one, other)| one * other).sum();
        assert!(cosine > 0.999 && *exact != coarse, "{text:?}: {cosine}");
    }
}

static BERT: LazyLock<SentenceModel> = LazyLock::new(|| open("bert"));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    /// More texts than one step takes, some of them longer than is looked at.
    #[test]
    fn a_text_has_the_same_bits_alone(texts in prop::collection::vec("[a-z ,?]{0,120}", 1..40)) {
        let together = BERT.encode(&texts).unwrap();
        for (text, together) in texts.iter().zip(&together) {
            prop_assert_eq!(&BERT.encode(&[text]).unwrap()[0], together);
            let length = together.iter().map(|number| number * number).sum::<f32>();
            prop_assert!((length - 1.0).abs() < 1e-5);
        }
    }
}
