//! The header of a safetensors file: eight bytes of length, a JSON object of tensors, then their data.
//!
//! Read here rather than by the crate `safetensors`, whose errors do not say which tensor is wrong and which takes the last of
//! two tensors of one name. Format: <https://github.com/huggingface/safetensors#format>.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kernels::Format;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::storage::Storage;
use crate::tensors::{Element, Stored, Tensors};
use crate::{Error, Result};

/// As the format limits it.
const LARGEST_HEADER: u64 = 100_000_000;
const LENGTH_BYTES: usize = 8;

/// Adds the tensors of one file.
pub(crate) fn read(file: &Path, storage: &Storage, tensors: &mut Tensors) -> Result<()> {
    let bytes = storage.bytes();
    let header = header(file, bytes)?;
    let data_start = LENGTH_BYTES + header.len();
    let Header(mut entries) =
        serde_json::from_slice(header).map_err(|error| Error::malformed(file, "header", "tensors", error.to_string()))?;
    // The data of each must begin where that of the one before ends, and that of the last ends with the file.
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let file: Arc<Path> = file.into();
    let mut end = 0;
    for (name, entry) in entries {
        let size = entry.check(&file, &name, end, bytes.len() - data_start)?;
        let offset = data_start + end;
        end += size;
        let stored = Stored {
            file: Arc::clone(&file),
            storage: storage.clone(),
            offset,
            element: element(&entry.dtype),
            shape: entry.shape,
            bytes: size,
        };
        tensors.insert(unwrapped(&name), stored)?;
    }
    if data_start + end != bytes.len() {
        let found = format!("{} bytes", bytes.len() - data_start);
        return Err(Error::malformed(&file, "data", format!("{end} bytes"), found));
    }
    Ok(())
}

/// What PEFT had wrapped when a model was saved is called `q_proj.base_layer.weight`.
pub(crate) fn unwrapped(name: &str) -> String {
    name.replace(".base_layer.", ".")
}

fn header<'a>(file: &Path, bytes: &'a [u8]) -> Result<&'a [u8]> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        let found = format!("{} bytes in all", bytes.len());
        return Err(Error::malformed(file, "header", "8 bytes of length", found));
    };
    let length = u64::from_le_bytes(*length);
    if length > LARGEST_HEADER {
        return Err(Error::malformed(file, "header", format!("at most {LARGEST_HEADER} bytes"), length.to_string()));
    }
    rest.get(..length as usize)
        .ok_or_else(|| Error::malformed(file, "header", format!("{length} bytes"), format!("{} bytes", rest.len())))
}

/// The tensors of a header in the order of the file; `__metadata__` is passed over.
struct Header(Vec<(String, Entry)>);

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Entry {
    /// How many bytes the tensor takes, if it begins at `start` and ends within `available`, and its shape and type take as many.
    fn check(&self, file: &Path, name: &str, start: usize, available: usize) -> Result<usize> {
        let (first, last) = self.data_offsets;
        let wrong = |expected: String| Error::tensor(file, name, expected, format!("the bytes {first} to {last}"));
        if first != start {
            return Err(wrong(format!("data from byte {start} on, where that of the one before ends")));
        }
        if last < first || last > available {
            return Err(wrong(format!("data within the file's {available} bytes")));
        }
        let Some(bits) = element_bits(&self.dtype) else {
            return Err(Error::tensor(file, name, "a dtype that safetensors defines", self.dtype.clone()));
        };
        let elements = self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let size = elements.and_then(|elements| elements.checked_mul(bits)).map(|bits| bits.div_ceil(8));
        if size == Some(last - first) { Ok(last - first) } else { Err(wrong(self.described())) }
    }

    fn described(&self) -> String {
        format!("what {} elements of shape {:?} take", self.dtype, self.shape)
    }
}

/// Those that weights can be in, and the rest by name.
fn element(dtype: &str) -> Element {
    match dtype {
        "F32" => Element::Format(Format::F32),
        "F16" => Element::Format(Format::F16),
        "BF16" => Element::Format(Format::Bf16),
        other => Element::Other(other.to_owned()),
    }
}

fn element_bits(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Keeps every entry, so that two of one name do not become one.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
            } else {
                entries.push((name, map.next_value()?));
            }
        }
        Ok(Header(entries))
    }
}
