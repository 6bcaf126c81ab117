//! The figures as a table for people.

use std::fmt;

use super::report::{Figure, Report};

pub(super) struct Table<'a>(pub(super) &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        writeln!(formatter, "{}", report.title())?;
        if !report.figures.is_empty() {
            writeln!(formatter)?;
        }
        let rows: Vec<_> = report.figures.iter().map(cells).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [name, value, unit, share] = [0, 1, 2, 3].map(width);
        for row in &rows {
            let line = format!("{:name$}  {:>value$} {:unit$}  {:share$}  {}", row[0], row[1], row[2], row[3], row[4]);
            writeln!(formatter, "{}", line.trim_end())?;
        }
        for (title, listing) in &report.listings {
            write!(formatter, "\n{title}\n\n{listing}")?;
        }
        for note in &report.notes {
            writeln!(formatter, "\n{note}")?;
        }
        Ok(())
    }
}

/// Name, value, unit, share of a limit, others' values and the ratio to each.
fn cells(figure: &Figure) -> [String; 5] {
    let share = figure.share.map(|share| format!("{:3.0} % of {}", share.share * 100.0, share.of.name()));
    let beside = |(name, value): &(&str, f64)| format!("{name} {}, {:.2} ×", number(*value), figure.value / value);
    let beside: Vec<_> = figure.beside.iter().map(beside).collect();
    let unit = figure.unit.to_owned();
    [figure.name.clone(), number(figure.value), unit, share.unwrap_or_default(), beside.join("; ")]
}

/// Three or four digits that count.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::measure::report::{Limit, Share};

    #[test]
    fn a_row_has_its_limit_and_its_peer() {
        let mut report = Report::new(NonZeroUsize::MIN, None);
        report.push(Figure::new("loading", 2.25, "s"));
        let share = Share { share: 0.62, of: Limit::Memory };
        report.push(Figure::new("decode", 33.0, "tokens/s").share(share).beside("llama.cpp", &[22.0]));
        report.machine = "a machine".into();
        insta::assert_snapshot!(Table(&report).to_string(), @r"
        a machine

        loading  2.25 s
        decode   33.0 tokens/s   62 % of memory  llama.cpp 22.0, 1.50 ×
        ");
    }
}
