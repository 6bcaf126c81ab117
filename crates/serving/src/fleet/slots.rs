//! Which models are in memory, which may come and which have to go. Pure: the time comes in, what is to be done goes out, and
//! [`Garage`](super::garage::Garage) does it.
//!
//! What is being opened or closed counts as much as what is open, so that the budget holds at every moment. Whoever waits for a
//! model counts as one who uses it: it is not closed between the moment it is there and the moment they notice.

mod renewal;

use std::time::Duration;

use tokio::time::Instant;

use super::OpenError;
pub(super) use renewal::{Leaving, NotRenewed, Renewal};

/// How long a failure is remembered: the first, and the most it grows to by doubling, unless it may pass by itself.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// One slot a model, in the order in which they were declared. `T` is a model in memory.
#[derive(Debug)]
pub(super) struct Slots<T> {
    all: Vec<Slot<T>>,
    /// Bytes that all models may take together.
    budget: u64,
    /// Those who may wait for one model.
    most_waiting: usize,
    /// Counts uses, to tell which was the last.
    uses: u64,
}

#[derive(Debug)]
struct Slot<T> {
    state: State<T>,
    /// What it takes: an estimate until it was opened for the first time.
    bytes: u64,
    waiting: usize,
    /// Those of them for whom nobody waits.
    preloading: usize,
    using: usize,
    /// Set aside for another state of it, which is being opened beside the one that is open.
    renewing: Option<u64>,
    /// What earlier states of it take, which somebody still uses.
    retiring: u64,
    last_used: u64,
    /// One after the other, without a success between them.
    failures: u32,
    /// The last of them.
    failure: Option<OpenError>,
}

#[derive(Debug)]
enum State<T> {
    Closed,
    Opening,
    Open(T),
    Closing,
    Failed { error: OpenError, until: Instant },
}

/// What whoever waits for a model has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Use it. They count as one who uses it from now on.
    Use(T),
    /// Open it: nobody else will, and its memory is theirs already.
    Open,
    /// Close these, and ask again.
    Close(Vec<(usize, T)>),
    Wait(Reason),
    Refuse(Refusal),
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is being opened, or closed.
    Opening,
    /// Every model that could make room is in use.
    Memory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Failed { error: OpenError, again_in: Duration },
    TooLarge { bytes: u64, budget: u64 },
}

/// How a model is, for those who only look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum View<'a, T> {
    Closed,
    Opening,
    Open(&'a T),
    Failed(&'a OpenError),
    TooLarge { bytes: u64, budget: u64 },
}

impl<T> Slots<T> {
    /// `bytes` are what the models are thought to take.
    pub(super) fn new(bytes: impl IntoIterator<Item = u64>, budget: u64, most_waiting: usize) -> Self {
        let all = bytes.into_iter().map(Slot::closed).collect();
        Self { all, budget, most_waiting, uses: 0 }
    }

    /// Somebody waits for a model from now on, unless too many do. Nobody has to wait for one that is open.
    pub(super) fn enter(&mut self, slot: usize) -> bool {
        let entered = &mut self.all[slot];
        let is_open = matches!(entered.state, State::Open(_));
        let free = is_open || entered.waiting < self.most_waiting.saturating_add(entered.preloading);
        entered.waiting += usize::from(free);
        free
    }

    /// The model is to be opened for nobody yet. Takes nobody's place.
    pub(super) fn preload(&mut self, slot: usize) {
        self.all[slot].waiting += 1;
        self.all[slot].preloading += 1;
    }

    /// It was, or could not be.
    pub(super) fn preloaded(&mut self, slot: usize) {
        self.all[slot].preloading -= 1;
    }

    /// Somebody who waited has given up, or was refused.
    pub(super) fn give_up(&mut self, slot: usize) {
        self.all[slot].waiting -= 1;
    }

    /// Somebody who used a model has done with it.
    pub(super) fn done(&mut self, slot: usize) {
        self.uses += 1;
        let slot = &mut self.all[slot];
        slot.using -= 1;
        slot.last_used = self.uses;
    }

    fn held(&self) -> u64 {
        self.all.iter().map(Slot::held).sum()
    }

    /// The memory that is not taken, nor promised.
    fn free(&self) -> u64 {
        self.budget.saturating_sub(self.held())
    }

    /// The memory that will be free without anybody's doing.
    fn on_its_way(&self) -> u64 {
        self.all.iter().filter(|slot| matches!(slot.state, State::Closing)).map(|slot| slot.bytes).sum()
    }

    /// Whether all of them could be open at once.
    pub(super) fn fit_together(&self) -> bool {
        self.all.iter().map(|slot| slot.bytes).fold(0, u64::saturating_add) <= self.budget
    }

    /// `bytes` is what it really takes. Answers with what has to be closed because that is more than was thought.
    pub(super) fn opened(&mut self, index: usize, model: T, bytes: u64) -> Vec<(usize, T)> {
        self.uses += 1;
        let slot = &mut self.all[index];
        slot.state = State::Open(model);
        slot.bytes = bytes;
        slot.last_used = self.uses;
        slot.failures = 0;
        slot.failure = None;
        let victims = self.victims(self.held().saturating_sub(self.budget), Some(index));
        self.close(victims.unwrap_or_default())
    }

    pub(super) fn failed(&mut self, slot: usize, error: OpenError, now: Instant) {
        let slot = &mut self.all[slot];
        slot.failure = Some(error.clone());
        let lasts_briefly = error.may_pass;
        let pause = if lasts_briefly { FIRST_PAUSE } else { pause(slot.failures) };
        slot.state = State::Failed { error, until: now + pause };
        slot.failures += u32::from(!lasts_briefly);
    }

    /// A failure is tried again at once.
    pub(super) fn forgive(&mut self, slot: usize) {
        let slot = &mut self.all[slot];
        if matches!(slot.state, State::Failed { .. }) {
            slot.state = State::Closed;
        }
    }

    pub(super) fn closed(&mut self, slot: usize) {
        self.all[slot].state = State::Closed;
    }

    pub(super) fn view(&self, slot: usize, now: Instant) -> View<'_, T> {
        let Slot { state, bytes, .. } = &self.all[slot];
        match state {
            State::Opening => View::Opening,
            State::Open(model) => View::Open(model),
            State::Failed { error, until } if now < *until => View::Failed(error),
            _ if *bytes > self.budget => View::TooLarge { bytes: *bytes, budget: self.budget },
            State::Closed | State::Closing | State::Failed { .. } => View::Closed,
        }
    }

    /// Why it could not be opened, from then on until it is.
    pub(super) fn failure(&self, slot: usize) -> Option<&OpenError> {
        self.all[slot].failure.as_ref()
    }

    /// The open models that make room for `bytes`, those first that nobody has used for longest; `None` if there are not enough
    /// that nobody uses.
    fn victims(&self, bytes: u64, keep: Option<usize>) -> Option<Vec<usize>> {
        let mut idle: Vec<usize> =
            (0..self.all.len()).filter(|slot| Some(*slot) != keep && self.all[*slot].is_idle()).collect();
        idle.sort_by_key(|slot| self.all[*slot].last_used);
        let mut room = 0;
        let enough = idle.iter().position(|slot| {
            room += self.all[*slot].bytes;
            room >= bytes
        });
        if bytes == 0 {
            return Some(Vec::new());
        }
        idle.truncate(enough? + 1);
        // The last of them may make so much room that earlier ones can stay.
        idle.retain(|slot| {
            let spare = room - bytes >= self.all[*slot].bytes;
            room -= if spare { self.all[*slot].bytes } else { 0 };
            !spare
        });
        Some(idle)
    }

    fn close(&mut self, victims: Vec<usize>) -> Vec<(usize, T)> {
        let mut closing = Vec::new();
        for slot in victims {
            match std::mem::replace(&mut self.all[slot].state, State::Closing) {
                State::Open(model) => closing.push((slot, model)),
                other => self.all[slot].state = other,
            }
        }
        closing
    }
}

impl<T: Clone> Slots<T> {
    /// What somebody who waits for this model has to do now. An open model that is not `alive` is closed, to be opened anew.
    pub(super) fn next(&mut self, slot: usize, now: Instant, alive: impl FnOnce(&T) -> bool) -> Step<T> {
        let wanted = &mut self.all[slot];
        match &wanted.state {
            State::Open(model) if alive(model) => {
                let model = model.clone();
                wanted.waiting -= 1;
                wanted.using += 1;
                Step::Use(model)
            }
            State::Open(_) => Step::Close(self.close(vec![slot])),
            State::Opening | State::Closing => Step::Wait(Reason::Opening),
            State::Failed { error, until } if now < *until => {
                Step::Refuse(Refusal::Failed { error: error.clone(), again_in: *until - now })
            }
            // Another state of it is on its way, and takes this place.
            State::Closed | State::Failed { .. } if wanted.renewing.is_some() => Step::Wait(Reason::Opening),
            State::Closed | State::Failed { .. } => self.make_room(slot),
        }
    }

    fn make_room(&mut self, slot: usize) -> Step<T> {
        let Self { budget, .. } = *self;
        let bytes = self.all[slot].bytes;
        if bytes > budget {
            return Step::Refuse(Refusal::TooLarge { bytes, budget });
        }
        let missing = bytes.saturating_sub(self.free());
        if missing == 0 {
            self.all[slot].state = State::Opening;
            return Step::Open;
        }
        match self.victims(missing.saturating_sub(self.on_its_way()), None) {
            Some(victims) if !victims.is_empty() => Step::Close(self.close(victims)),
            _ => Step::Wait(Reason::Memory),
        }
    }
}

impl<T> Slot<T> {
    fn closed(bytes: u64) -> Self {
        Self {
            state: State::Closed,
            bytes,
            waiting: 0,
            preloading: 0,
            using: 0,
            renewing: None,
            retiring: 0,
            last_used: 0,
            failures: 0,
            failure: None,
        }
    }

    fn held(&self) -> u64 {
        let own = match self.state {
            State::Opening | State::Open(_) | State::Closing => self.bytes,
            State::Closed | State::Failed { .. } => 0,
        };
        own + self.renewing.unwrap_or(0) + self.retiring
    }

    fn is_idle(&self) -> bool {
        matches!(self.state, State::Open(_)) && self.waiting == 0 && self.using == 0 && self.renewing.is_none()
    }
}

/// After so many failures before this one.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
