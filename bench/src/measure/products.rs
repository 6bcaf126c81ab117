//! Single matrix products, for each format and from one token to many.

use anyhow::Result;
use kernels::limits::{Speed, speeds};
use kernels::{Format, PackError, Pool};

use super::Plan;
use super::gauge::{Cost, Gauge};
use super::report::{Figure, Report};

const TOKENS: [usize; 4] = [1, 8, 64, 256];
/// Rows and columns of a feed-forward matrix of a model with about a billion weights.
const SHAPE: (usize, usize) = (5632, 2048);
/// Less than for the limits alone: packing takes time too.
const BYTES: usize = 1 << 28;

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let gauge = Gauge::new(plan.threads, BYTES);
    for format in Format::ALL {
        plan.now(format!("products in {format}"));
        let multiply =
            || -> Result<Vec<Speed>, PackError> { speeds(&Pool::new(plan.threads), format, SHAPE, &TOKENS, BYTES) };
        let (speeds, limits) = gauge.around(multiply);
        for Speed { tokens, bytes, operations, .. } in speeds? {
            let cost = Cost { bytes, operations, format };
            let figure = Figure::new(format!("{format} × {tokens} tokens"), operations / 1e9, "GOPS");
            report.push(figure.share(cost.share(&limits)));
        }
    }
    Ok(())
}
