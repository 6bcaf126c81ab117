//! Examples as CSV: a head line, then one example each. A prompt may have commas and line breaks between quotes.

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::row::{Row, Written};

pub(super) fn read(text: &str) -> impl Iterator<Item = (u64, Result<Row, String>)> {
    let reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let mut records = reader.into_records();
    std::iter::from_fn(move || {
        let headers = records.reader_mut().headers().cloned();
        let line = records.reader().position().line();
        let record = records.next()?;
        Some(match (record, headers) {
            (Ok(record), Ok(headers)) => {
                let line = record.position().map_or(line, csv::Position::line);
                let written = record.deserialize::<Written>(Some(&headers)).map_err(|error| reason(&error, &headers));
                (line, written.and_then(Row::try_from))
            }
            (Err(error), _) | (_, Err(error)) => {
                (error.position().map_or(line, csv::Position::line), Err(reason(&error, &StringRecord::new())))
            }
        })
    })
}

fn reason(error: &csv::Error, headers: &StringRecord) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where the head line has {expected_len}")
        }
        ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| headers.get(field as usize));
            column.map_or_else(|| err.to_string(), |column| format!("{column}: {}", err.kind()))
        }
        ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
