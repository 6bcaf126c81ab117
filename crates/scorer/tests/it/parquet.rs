//! Examples as pyarrow and polars write them.

use std::path::Path;

use proptest::prelude::*;
use scorer::data::{Dataset, Error, Format, Kind};

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(path).expect("it is there")
}

fn read(name: &str) -> Result<Dataset, Error> {
    Dataset::read(file(name), Format::Parquet)
}

#[test]
fn votes_are_what_they_are_as_json_lines() {
    let lines = r#"{"prompt":"What is 2 + 2?","model_a":"small","model_b":"large","winner":"tie"}
{"prompt":"What is 2 + 2?","model_a":"large","model_b":"small","winner":"model_a"}
{"prompt":"Sing\nof Ä and 漢","model_a":"small","model_b":"large","winner":"large"}"#;
    let expected = Dataset::read(lines, Format::JsonLines);
    assert!(expected.is_ok());
    for name in ["votes-snappy.parquet", "votes-gzip.parquet"] {
        assert_eq!(read(name), expected, "{name}");
    }
}

#[test]
fn scores_may_be_of_any_width_and_costs_may_be_missing() {
    for name in ["scores-zstd.parquet", "scores-plain.parquet"] {
        let read = read(name).expect(name);
        assert_eq!((read.kind, read.models), (Kind::Scores, vec!["large".into(), "small".into()]), "{name}");
        let examples: Vec<_> = read.examples.iter().map(|e| (e.prompt, e.model, e.credit, e.cost)).collect();
        assert_eq!(examples, [(0, 1, 0.5, Some(1.0)), (0, 0, 1.0, None), (1, 1, 0.0, Some(3.0))], "{name}");
    }
}

#[test]
fn mistakes_are_told_with_their_rows() {
    insta::assert_snapshot!(read("wrong.parquet").unwrap_err(), @r"
    row 1: score is no number
    row 2: score is no number
    row 3: score is no number
    row 4: score is missing
    ");
}

#[test]
fn what_is_no_parquet_says_so() {
    let said = |file: Vec<u8>| Dataset::read(file, Format::Parquet).unwrap_err().to_string();
    insta::assert_snapshot!(said(b"prompt,model,score\n".to_vec()), @"it cannot be read as Parquet: Invalid Parquet file. Corrupt footer");
    insta::assert_snapshot!(said(Vec::new()), @"it cannot be read as Parquet: Parquet file too small. Size is 0 but need 8");
    let whole = file("votes-snappy.parquet");
    insta::assert_snapshot!(said(whole[..whole.len() / 2].to_vec()), @"it cannot be read as Parquet: Invalid Parquet file. Corrupt footer");
    insta::assert_snapshot!(said(file("votes-brotli.parquet")), @"it cannot be read as Parquet: it is compressed with BROTLI; write it with Snappy, Zstandard, gzip or without");
}

proptest! {
    /// A file that a disk has garbled is read as something else, or refused; it does not take the program down.
    #[test]
    fn damage_is_an_error_at_most(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(), cuts: bool) {
        for name in ["votes-snappy.parquet", "votes-gzip.parquet", "scores-zstd.parquet", "scores-plain.parquet"] {
            let mut file = file(name);
            *at.get_mut(&mut file) = byte;
            if cuts {
                file.truncate(cut.index(file.len()));
            }
            let _ = Dataset::read(file, Format::Parquet);
        }
    }
}
