//! The connections that are open. When there are no places left, one that asks for nothing makes room: somebody who opens thousands
//! and says nothing, or keeps those that have their answers, must not keep out those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;

/// Who has just come may be in the middle of a handshake, and does not make room for who comes next.
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
    since: Instant,
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
        among.connections.insert(number, Connection { since, requests, wanted: wanted.clone() });
        Place { number, wanted, open: self.clone() }
    }

    /// Wants the place of the oldest that never asked for anything in all its time, or else of the oldest that has its answers.
    pub(super) fn make_room(&self, now: Instant) {
        let mut among = self.lock();
        let oldest = |is_free: &dyn Fn(&Connection) -> bool| {
            among.connections.iter().find(|(_, connection)| is_free(connection)).map(|(number, _)| *number)
        };
        let silent = |one: &Connection| !one.requests.came() && now.saturating_duration_since(one.since) >= TIME_TO_ASK;
        let oldest = oldest(&silent).or_else(|| oldest(&|one| one.requests.came() && !one.requests.run()));
        if let Some(connection) = oldest.and_then(|number| among.connections.remove(&number)) {
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
    fn who_never_asked_goes_first_who_asks_never_and_who_just_came_not_yet() {
        let (open, began) = (Open::default(), Instant::now());
        let requests = [(); 5].map(|()| Arc::new(Requests::default()));
        let now = began + TIME_TO_ASK;
        let since = [began, began, began, began, now];
        let mut entered = requests.each_ref().into_iter().zip(since);
        let [asks, answered, silent, gone, fresh] = std::array::from_fn(|_| {
            entered.next().map(|(requests, since)| open.enter(Arc::clone(requests), since)).unwrap()
        });
        let _running = requests[0].begin();
        drop(requests[1].begin());
        drop(gone);
        let wanted = || [&asks, &answered, &silent, &fresh].map(|place| place.wanted().is_cancelled());
        open.make_room(now);
        assert_eq!(wanted(), [false, false, true, false]);
        open.make_room(now);
        assert_eq!(wanted(), [false, true, true, false]);
        open.make_room(now);
        assert_eq!(wanted(), [false, true, true, false]);
        open.make_room(now + TIME_TO_ASK);
        assert_eq!(wanted(), [false, true, true, true]);
    }
}
