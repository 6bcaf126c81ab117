//! The connections that are open. When there are no places left, one that asks for nothing makes room: somebody who opens thousands
//! and says nothing, or keeps those that have their answers, must not keep out those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;

/// Who has just come may be in the middle of a handshake, and who has just had an answer may send its next request: neither makes room
/// for others before so long.
const TIME_TO_ASK: Duration = Duration::from_millis(500);

/// By age: the oldest has the lowest number.
#[derive(Debug, Clone, Default)]
pub(super) struct Open(Arc<Mutex<Among>>);

#[derive(Debug, Default)]
struct Among {
    next: u64,
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    /// When it came, or was first seen without a request after so many.
    silent: (Instant, u64),
    requests: Arc<Requests>,
    wanted: CancellationToken,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    wanted: CancellationToken,
    open: Open,
}

impl Open {
    pub(super) fn enter(&self, requests: Arc<Requests>, since: Instant) -> Place {
        let mut among = self.lock();
        among.next += 1;
        let (number, wanted) = (among.next, CancellationToken::new());
        among.connections.insert(number, Connection { silent: (since, 0), requests, wanted: wanted.clone() });
        Place { number, wanted, open: self.clone() }
    }

    /// Wants the place of the oldest that never asked for anything in all its time, or else of the oldest that has its answers. It is
    /// called again and again while somebody waits.
    pub(super) fn make_room(&self, now: Instant) {
        let mut among = self.lock();
        let silent = |one: &mut Connection| {
            let begun = one.requests.begun();
            if one.requests.run() || one.silent.1 != begun {
                one.silent = (now, begun);
            }
            now.saturating_duration_since(one.silent.0) >= TIME_TO_ASK
        };
        let free =
            among.connections.iter_mut().filter_map(|(number, one)| silent(one).then_some((one.silent.1 > 0, *number)));
        let oldest = free.min();
        if let Some(connection) = oldest.and_then(|(_, number)| among.connections.remove(&number)) {
            connection.wanted.cancel();
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
    fn who_never_asked_goes_first_and_who_asks_or_just_did_not_at_all() {
        let (open, began) = (Open::default(), Instant::now());
        let requests = [(); 4].map(|()| Arc::new(Requests::default()));
        let places = requests.each_ref().map(|requests| open.enter(Arc::clone(requests), began));
        let fresh = open.enter(Arc::default(), began + TIME_TO_ASK);
        let [asks, answered, silent, gone] = places;
        let _running = requests[0].begin(false);
        drop(requests[1].begin(false));
        drop(gone);
        let wanted = || [&asks, &answered, &silent, &fresh].map(|place| place.wanted().is_cancelled());
        let first_look = began + TIME_TO_ASK;
        open.make_room(first_look);
        assert_eq!(wanted(), [false, false, true, false]);
        open.make_room(first_look + TIME_TO_ASK / 2);
        assert_eq!(wanted(), [false, false, true, false], "it had its answer only when it was first looked at");
        open.make_room(first_look + TIME_TO_ASK);
        assert_eq!(wanted(), [false, false, true, true]);
        open.make_room(first_look + TIME_TO_ASK);
        assert_eq!(wanted(), [false, true, true, true]);
        open.make_room(first_look + 9 * TIME_TO_ASK);
        assert_eq!(wanted(), [false, true, true, true]);
    }
}
