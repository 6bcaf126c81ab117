//! Single matrix products, for each format and from one token to many.

use anyhow::Result;
use kernels::limits::{Limits, speeds};
use kernels::{Format, Pool};

use super::report::{Report, Row};

const TOKENS: [usize; 4] = [1, 8, 64, 256];
/// Rows and columns of a feed-forward matrix of a model with about a billion weights.
const SHAPE: (usize, usize) = (5632, 2048);
const FORMATS: [Format; 5] = [Format::Q8_0, Format::Q4_0, Format::Q4K, Format::Bf16, Format::F32];
/// Less than for the limits: packing takes time too.
const BYTES: usize = 1 << 28;

pub(super) fn measure(pool: &Pool, limits: &Limits, report: &mut Report) -> Result<()> {
    for format in FORMATS {
        let arithmetic = if format.is_integer() { limits.integer_operations } else { limits.float_operations };
        for speed in speeds(pool, format, SHAPE, &TOKENS, BYTES)? {
            let name = format!("{} × {} tokens", format.name(), speed.tokens);
            let row = Row::speed(name, speed.operations / 1e9, "GOPS");
            report.push(row.of_limit(speed.bytes / limits.bytes, speed.operations / arithmetic));
        }
    }
    Ok(())
}
