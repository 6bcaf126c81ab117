//! Examples as Parquet, a column for each name, compressed with Snappy, Zstandard, gzip or not at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression as Codec;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::error::Error;
use super::row::{Row, Written};

/// What is read; of the others not a byte is unpacked.
const COLUMNS: [&str; 7] = ["prompt", "model_a", "model_b", "winner", "model", "score", "cost"];

type Numbered = (u64, Result<Row, String>);

/// All rows. The library panics at some of what a damaged file says; it shares nothing that this could leave half done.
pub(super) fn read(file: Bytes) -> Result<Vec<Numbered>, Error> {
    let read = catch_unwind(AssertUnwindSafe(|| rows(file)));
    let read = read.unwrap_or_else(|_| Err(ParquetError::General("it is damaged".to_owned())));
    read.map_err(|error| Error::NotParquet(reason(&error)))
}

fn rows(file: Bytes) -> Result<Vec<Numbered>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    check_compression(reader.metadata())?;
    let columns = wanted(reader.metadata().file_metadata().schema())?;
    let rows = RowIter::from_file_into(Box::new(reader)).project(Some(columns))?;
    let numbered = (1..).zip(rows);
    numbered.map(|(number, row)| Ok((number, written(row?.into_columns()).and_then(Row::try_from)))).collect()
}

/// The library would say that it was compiled without the others.
fn check_compression(metadata: &ParquetMetaData) -> Result<(), ParquetError> {
    let read = |codec| matches!(codec, Codec::UNCOMPRESSED | Codec::SNAPPY | Codec::GZIP(_) | Codec::ZSTD(_));
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let Some(other) = columns.find(|column| !read(column.compression())) else { return Ok(()) };
    let name = other.compression().to_string();
    // Its level does not matter.
    let name = name.split('(').next().unwrap_or_default();
    Err(ParquetError::General(format!("it is compressed with {name}; write it with Snappy, Zstandard, gzip or without")))
}

fn wanted(schema: &Type) -> Result<Type, ParquetError> {
    let fields = schema.get_fields().iter().filter(|field| COLUMNS.contains(&field.name())).map(Arc::clone);
    Type::group_type_builder(schema.name()).with_fields(fields.collect()).build()
}

fn written(columns: Vec<(String, Field)>) -> Result<Written, String> {
    let mut written = Written::default();
    for (name, field) in columns {
        match name.as_str() {
            "prompt" => written.prompt = text(&name, field)?,
            "model_a" => written.model_a = text(&name, field)?,
            "model_b" => written.model_b = text(&name, field)?,
            "winner" => written.winner = text(&name, field)?,
            "model" => written.model = text(&name, field)?,
            "score" => written.score = number(&name, &field)?,
            "cost" => written.cost = number(&name, &field)?,
            _ => {}
        }
    }
    Ok(written)
}

fn text(name: &str, field: Field) -> Result<Option<String>, String> {
    match field {
        Field::Null => Ok(None),
        Field::Str(text) => Ok(Some(text)),
        // Some writers do not say that their bytes are text.
        Field::Bytes(bytes) => match bytes.as_utf8() {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(format!("{name} is not UTF-8")),
        },
        _ => Err(format!("{name} is no text")),
    }
}

fn number(name: &str, field: &Field) -> Result<Option<f32>, String> {
    Ok(Some(match *field {
        Field::Null => return Ok(None),
        Field::Float16(value) => value.to_f32(),
        Field::Float(value) => value,
        Field::Double(value) => value as f32,
        Field::Byte(value) => f32::from(value),
        Field::Short(value) => f32::from(value),
        Field::Int(value) => value as f32,
        Field::Long(value) => value as f32,
        Field::UByte(value) => f32::from(value),
        Field::UShort(value) => f32::from(value),
        Field::UInt(value) => value as f32,
        Field::ULong(value) => value as f32,
        _ => return Err(format!("{name} is no number")),
    }))
}

fn reason(error: &ParquetError) -> String {
    match error {
        ParquetError::General(reason) | ParquetError::NYI(reason) | ParquetError::EOF(reason) => reason.clone(),
        other => other.to_string(),
    }
}
