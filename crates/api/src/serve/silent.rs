//! Connections that have asked for nothing yet. When there are no places left, the oldest of them makes room: somebody who opens
//! thousands and says nothing must not keep out those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// By age: the oldest has the lowest number.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Among>>);

#[derive(Debug, Default)]
struct Among {
    next: u64,
    expelled: BTreeMap<u64, CancellationToken>,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub(super) struct Unheard {
    number: u64,
    expelled: CancellationToken,
    among: Silent,
}

impl Silent {
    pub(super) fn enter(&self) -> Unheard {
        let mut among = self.lock();
        among.next += 1;
        let (number, expelled) = (among.next, CancellationToken::new());
        among.expelled.insert(number, expelled.clone());
        Unheard { number, expelled, among: self.clone() }
    }

    /// Ends the one that has been silent for longest, if there is one.
    pub(super) fn expel_oldest(&self) {
        if let Some((_, expelled)) = self.lock().expelled.pop_first() {
            expelled.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Among> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unheard {
    /// Resolves when its place is wanted for somebody else.
    pub(super) async fn expelled(&self) {
        self.expelled.cancelled().await;
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        self.among.lock().expelled.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_still_silent_goes() {
        let silent = Silent::default();
        let [first, second, third] = [(); 3].map(|()| silent.enter());
        drop(first);
        silent.expel_oldest();
        assert!(second.expelled.is_cancelled() && !third.expelled.is_cancelled());
    }
}
