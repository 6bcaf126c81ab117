//! The connections that are open. When there are no places left, one that asks for nothing makes room: somebody who opens thousands
//! and says nothing, or keeps those that have their answers, must not keep out those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::requests::Requests;

/// By age: the oldest has the lowest number.
#[derive(Debug, Clone, Default)]
pub(super) struct Open(Arc<Mutex<Among>>);

#[derive(Debug, Default)]
struct Among {
    next: u64,
    connections: BTreeMap<u64, (Arc<Requests>, CancellationToken)>,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    wanted: CancellationToken,
    open: Open,
}

impl Open {
    pub(super) fn enter(&self, requests: Arc<Requests>) -> Place {
        let mut among = self.lock();
        among.next += 1;
        let (number, wanted) = (among.next, CancellationToken::new());
        among.connections.insert(number, (requests, wanted.clone()));
        Place { number, wanted, open: self.clone() }
    }

    /// Wants the place of the oldest that never asked for anything, or else of the oldest that asks for nothing now.
    pub(super) fn make_room(&self) {
        let mut among = self.lock();
        let oldest = |is_free: fn(&Requests) -> bool| {
            among.connections.iter().find(|(_, (requests, _))| is_free(requests)).map(|(number, _)| *number)
        };
        let oldest = oldest(|requests| !requests.came()).or_else(|| oldest(|requests| !requests.run()));
        if let Some((_, wanted)) = oldest.and_then(|number| among.connections.remove(&number)) {
            wanted.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Among> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Cancelled when somebody else is to have it.
    pub(super) fn wanted(&self) -> &CancellationToken {
        &self.wanted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_asked_goes_first_and_who_asks_never() {
        let open = Open::default();
        let requests = [(); 4].map(|()| Arc::new(Requests::default()));
        let [asks, answered, silent, gone] = requests.each_ref().map(|requests| open.enter(Arc::clone(requests)));
        let _running = requests[0].begin();
        drop(requests[1].begin());
        drop(gone);
        let wanted = || [&asks, &answered, &silent].map(|place| place.wanted().is_cancelled());
        open.make_room();
        assert_eq!(wanted(), [false, false, true]);
        open.make_room();
        assert_eq!(wanted(), [false, true, true]);
        open.make_room();
        assert_eq!(wanted(), [false, true, true]);
    }
}
