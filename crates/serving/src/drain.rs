//! The end: what is in flight is counted, may run out, and is cancelled if it takes too long.

use backend::{Error, Result};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::service::RETRY_AFTER;

#[derive(Debug, Default)]
pub(crate) struct Drain {
    draining: CancellationToken,
    cancelled: CancellationToken,
    in_flight: TaskTracker,
}

/// A place in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) cancelled: CancellationToken,
    _in_flight: TaskTrackerToken,
}

impl Ticket {
    /// What comes of the work, unless it takes longer than there is time for.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = self.cancelled.cancelled() => Err(cut_off()),
        }
    }
}

impl Drain {
    pub(crate) fn enter(&self) -> Result<Ticket> {
        // Counted first: whoever looks between the two sees one too many, never one too few.
        let ticket = Ticket { cancelled: self.cancelled.clone(), _in_flight: self.in_flight.token() };
        if self.is_draining() { Err(Error::ShuttingDown { retry_after: RETRY_AFTER }) } else { Ok(ticket) }
    }

    pub(crate) fn start(&self) {
        self.draining.cancel();
        self.in_flight.close();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    pub(crate) async fn idle(&self) {
        self.in_flight.wait().await;
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.cancel();
    }
}

pub(crate) fn cut_off() -> Error {
    Error::CutOff { retry_after: RETRY_AFTER }
}
