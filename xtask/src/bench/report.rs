//! What was measured, as a table for people or as JSON.

use std::fmt;

use kernels::limits::Limits;
use serde_json::{Value, json};

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) machine: String,
    pub(super) limits: Option<Limit>,
    rows: Vec<Row>,
}

/// The machine's limits, as far as rows are compared with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Bytes a second.
    pub(super) bytes: f64,
    /// Operations a second.
    pub(super) integer: f64,
    pub(super) float: f64,
}

impl From<Limits> for Limit {
    fn from(limits: Limits) -> Self {
        Self { bytes: limits.bytes, integer: limits.integer_operations, float: limits.float_operations }
    }
}

#[derive(Debug)]
pub(super) struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    /// What part of the limit this is, and of which.
    share: Option<(f64, &'static str)>,
}

impl Row {
    pub(super) fn speed(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, share: None }
    }

    /// Beside the limit that is the lower one here.
    pub(super) fn of_limit(mut self, share_of_memory: f64, share_of_arithmetic: f64) -> Self {
        // The larger share is that of the limit which is nearer.
        self.share = Some(if share_of_memory > share_of_arithmetic {
            (share_of_memory, "memory")
        } else {
            (share_of_arithmetic, "arithmetic")
        });
        self
    }

    fn json(&self) -> Value {
        let share = self.share.map(|(share, limit)| json!({"share": share, "of": limit}));
        json!({"name": self.name, "value": self.value, "unit": self.unit, "limit": share})
    }
}

impl Report {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn json(&self) -> Value {
        json!({"machine": self.machine, "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>()})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.machine)?;
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        for Row { name, value, unit, share } in &self.rows {
            let digits = if *value < 100.0 { 2 } else { 0 };
            write!(formatter, "{name:width$}  {value:10.digits$} {unit:8}")?;
            match share {
                Some((share, limit)) => writeln!(formatter, "{:4.0} % of {limit}", share * 100.0)?,
                None => writeln!(formatter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_nearer_limit() {
        let mut report = Report { machine: "a machine".to_owned(), ..Report::default() };
        report.push(Row::speed("decode", 33.0, "tokens/s").of_limit(0.62, 0.05));
        let table = report.to_string();
        assert!(table.contains("62 % of memory"), "{table}");
        assert_eq!(report.json()["rows"][0]["limit"]["of"], "memory");
    }
}
