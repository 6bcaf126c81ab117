//! The frame of a GGUF file: its head, its metadata, and where its tensors lie.
//!
//! Versions 2 and 3, little endian: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::path::Path;
use std::sync::Arc;

use super::cursor::Cursor;
use super::element;
use super::metadata::Metadata;
use crate::storage::Storage;
use crate::tensors::{Element, Stored, Tensors};
use crate::{Error, Result};

pub(super) const MAGIC: &[u8; 4] = b"GGUF";
pub(super) const DEFAULT_ALIGNMENT: usize = 32;

/// A file whose tensors are known to lie in it, none over another.
#[derive(Debug)]
pub(crate) struct GgufFile {
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Tensors,
}

/// A tensor as the file lists it.
struct Listed {
    name: String,
    /// The innermost dimension, the columns, last.
    shape: Vec<usize>,
    element: Element,
    bytes: usize,
    /// From the beginning of the data.
    offset: u64,
}

/// GGML's tensors have no more.
const MOST_DIMENSIONS: u32 = 4;
/// Name's length, number of dimensions, type and offset.
const LEAST_TENSOR_BYTES: usize = 8 + 4 + 4 + 8;
/// Name's length, type and a value of one byte.
const LEAST_KEY_BYTES: usize = 8 + 4 + 1;

pub(crate) fn read(file: &Path, storage: &Storage) -> Result<GgufFile> {
    let bytes = storage.bytes();
    let mut cursor = Cursor::new(file, bytes);
    check_head(file, &mut cursor)?;
    let tensor_count = cursor.count(LEAST_TENSOR_BYTES, "number of tensors")?;
    let key_count = cursor.count(LEAST_KEY_BYTES, "number of keys")?;
    let metadata = Metadata::read(&mut cursor, file, storage, key_count)?;
    let mut listed = Vec::new();
    for _ in 0..tensor_count {
        listed.push(list(file, &mut cursor)?);
    }
    let alignment = alignment(file, &metadata)?;
    // A file without tensors need not be padded.
    let data_start = cursor.at().next_multiple_of(alignment).min(bytes.len());
    let tensors = place(file, storage, listed, data_start, alignment)?;
    Ok(GgufFile { metadata, tensors })
}

fn check_head(file: &Path, cursor: &mut Cursor<'_>) -> Result<()> {
    let magic = cursor.array::<4>("GGUF's magic")?;
    if &magic != MAGIC {
        return Err(Error::malformed(
            file,
            "byte 0",
            "GGUF's magic \"GGUF\"",
            format!("{:?}", magic.escape_ascii().to_string()),
        ));
    }
    match cursor.u32("version")? {
        2 | 3 => Ok(()),
        version if (1..=3).contains(&version.swap_bytes()) => Err(Error::unsupported(file, "GGUF in big-endian order")),
        version => Err(Error::malformed(file, "byte 4", "GGUF version 2 or 3", version.to_string())),
    }
}

fn list(file: &Path, cursor: &mut Cursor<'_>) -> Result<Listed> {
    let name = cursor.string("name of a tensor")?.to_owned();
    let dimensions = cursor.u32("number of dimensions")?;
    if dimensions > MOST_DIMENSIONS {
        return Err(Error::tensor(file, name, format!("at most {MOST_DIMENSIONS} dimensions"), dimensions.to_string()));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(usize::try_from(cursor.u64("dimension")?).unwrap_or(usize::MAX));
    }
    shape.reverse();
    let format = match element::of(cursor.u32("type of a tensor")?) {
        Ok(format) => format,
        Err(found) => return Err(Error::tensor(file, name, element::expected(), found)),
    };
    let offset = cursor.u64("offset of a tensor")?;
    let (columns, outer) = shape.split_last().map_or((1, &[][..]), |(columns, outer)| (*columns, outer));
    // In the order of `Stored::elements`: a dimension of 0 must not hide that those before it overflow.
    let rows = outer.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    let elements = rows.and_then(|rows| rows.checked_mul(columns));
    let bytes = format.row_bytes(columns).zip(rows).and_then(|(row, rows)| row.checked_mul(rows));
    match (elements, bytes) {
        (Some(_), Some(bytes)) => Ok(Listed { name, shape, element: Element::Format(format), bytes, offset }),
        _ => Err(Error::tensor(file, name, format!("rows of whole {format} blocks"), format!("shape {shape:?}"))),
    }
}

fn alignment(file: &Path, metadata: &Metadata) -> Result<usize> {
    let key = "general.alignment";
    match metadata.count(key)? {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(alignment) if alignment.is_power_of_two() && alignment <= 1 << 20 => Ok(alignment),
        Some(other) => Err(Error::field(file, key, "a power of two up to 2^20", other.to_string())),
    }
}

/// Checks that each tensor lies in the file at a multiple of the alignment, and none over another.
fn place(file: &Path, storage: &Storage, mut listed: Vec<Listed>, data_start: usize, alignment: usize) -> Result<Tensors> {
    listed.sort_by_key(|tensor| tensor.offset);
    let available = storage.bytes().len() - data_start;
    let mut tensors = Tensors::new(file);
    let file: Arc<Path> = file.into();
    let mut free_from = 0;
    for tensor in listed {
        let Listed { name, shape, element, bytes, offset } = tensor;
        let wrong = |expected: String| {
            Error::tensor(&file, name.as_str(), expected, format!("{bytes} bytes from byte {offset} of the data on"))
        };
        let end = usize::try_from(offset).ok().and_then(|offset| Some((offset, offset.checked_add(bytes)?)));
        let Some((offset, end)) = end.filter(|(_, end)| *end <= available) else {
            return Err(wrong(format!("a tensor within the file's {available} bytes of data")));
        };
        if !offset.is_multiple_of(alignment) {
            return Err(wrong(format!("an offset that is a multiple of {alignment}")));
        }
        if offset < free_from {
            return Err(wrong(format!("no tensor before byte {free_from}, where another one ends")));
        }
        free_from = end;
        let (file, storage) = (Arc::clone(&file), storage.clone());
        tensors.insert(name, Stored { file, storage, offset: data_start + offset, shape, element, bytes })?;
    }
    Ok(tensors)
}
