//! A scorer's numbers as safetensors: f16 matrices, and u32 for places in them.

use std::collections::BTreeMap;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors, serialize};

use crate::Tensor;
use crate::network::Matrix;

pub(super) fn write(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, SafeTensorError> {
    let bytes: Vec<(&String, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| match tensor {
            Tensor::Numbers(Matrix { rows, columns, values }) => {
                let bytes = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
                (name, Dtype::F16, vec![*rows, *columns], bytes)
            }
            Tensor::Places(places) => {
                let bytes = places.iter().flat_map(|place| place.to_le_bytes()).collect();
                (name, Dtype::U32, vec![places.len()], bytes)
            }
        })
        .collect();
    let views: Result<Vec<_>, SafeTensorError> = bytes
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect();
    serialize(views?, None)
}

pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    file.iter().map(|(name, view)| Ok((name.to_owned(), tensor(name, &view)?))).collect()
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor, String> {
    match (view.dtype(), view.shape()) {
        (Dtype::F16, [rows, columns]) => {
            let values = view.data().chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32());
            Ok(Tensor::Numbers(Matrix { rows: *rows, columns: *columns, values: values.collect() }))
        }
        (Dtype::U32, [_]) => {
            let places =
                view.data().chunks_exact(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            Ok(Tensor::Places(places.collect()))
        }
        (dtype, shape) => Err(format!("the tensor {name} is {dtype:?} of the shape {shape:?}")),
    }
}
