//! The header of a safetensors file.

use std::path::Path;
use std::sync::Arc;

use ::safetensors::tensor::{Dtype, TensorView};

use crate::Result;
use crate::hugging_face::safetensors::read;
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::tests::with_header;

fn tensors(bytes: Vec<u8>) -> Result<Tensors> {
    let mut tensors = Tensors::new(Path::new("model"));
    read(Path::new("it.safetensors"), &Storage::Owned(Arc::from(bytes)), &mut tensors)?;
    Ok(tensors)
}

fn refusal(header: &str, data: usize) -> String {
    tensors(with_header(header, &vec![0; data])).unwrap_err().to_string()
}

#[test]
fn what_the_reference_writes_is_read() {
    let numbers: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let matrix = TensorView::new(Dtype::F32, vec![2, 3], &numbers).unwrap();
    let mask = TensorView::new(Dtype::BOOL, vec![2], &[1, 0]).unwrap();
    let bytes = ::safetensors::serialize([("matrix", &matrix), ("mask", &mask)], None).unwrap();
    let tensors = tensors(bytes).unwrap();
    let mut row = vec![0.0; 3];
    tensors.matrix("matrix", 2, 3).unwrap().dequantise_row(1, &mut row);
    assert_eq!(row, [4.0, 5.0, 6.0]);
    assert_eq!(
        tensors.vector("mask", 2).unwrap_err().to_string(),
        "it.safetensors: tensor \"mask\": expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, found BOOL"
    );
}

#[test]
fn data_must_lie_in_the_file() {
    let header = r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    let expected = "it.safetensors: tensor \"a\": expected data within the file's 7 bytes, found the bytes 0 to 8";
    assert_eq!(refusal(header, 7), expected);
}

#[test]
fn all_of_the_file_must_be_data() {
    let header = r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    assert_eq!(refusal(header, 9), "it.safetensors: data: expected 8 bytes, found 9 bytes");
}

#[test]
fn data_may_not_overlap_or_leave_gaps() {
    let overlap = r#"{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                      "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}}"#;
    let expected = "it.safetensors: tensor \"b\": expected data from byte 4 on, where that of the one before ends, found the \
                    bytes 2 to 6";
    assert_eq!(refusal(overlap, 6), expected);
}

#[test]
fn a_shape_must_take_as_many_bytes_as_there_are() {
    let header = r#"{"a": {"dtype": "F16", "shape": [3, 2], "data_offsets": [0, 8]}}"#;
    let expected = "it.safetensors: tensor \"a\": expected what F16 elements of shape [3, 2] take, found the bytes 0 to 8";
    assert_eq!(refusal(header, 8), expected);
}

#[test]
fn a_shape_that_overflows_is_refused() {
    let header = r#"{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}"#;
    assert!(refusal(header, 0).contains("expected what F32 elements of shape"));
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let header = r#"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                     "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#;
    let expected = "it.safetensors: tensor \"a\": expected one tensor of this name, found another in it.safetensors";
    assert_eq!(refusal(header, 2), expected);
}

#[test]
fn a_header_longer_than_the_file_is_refused() {
    let mut bytes = with_header("{}", &[]);
    bytes[0] = 200;
    let error = tensors(bytes).unwrap_err().to_string();
    assert_eq!(error, "it.safetensors: header: expected 200 bytes, found 2 bytes");
}

#[test]
fn a_header_of_absurd_length_is_refused() {
    let error = tensors(u64::MAX.to_le_bytes().to_vec()).unwrap_err().to_string();
    assert!(error.starts_with("it.safetensors: header: expected at most 100000000 bytes"), "{error}");
}
