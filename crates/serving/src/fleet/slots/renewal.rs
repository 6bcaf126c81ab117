//! A model that is opened anew beside itself: while both are in memory, both count, and whoever uses the old one keeps it.

use super::{Slots, State};

/// What has to be done next to open a model beside the one that is open.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::fleet) enum Renewal<T> {
    /// Open it: nobody else will, and its memory is set aside.
    Open,
    /// Close these, and ask again.
    Close(Vec<(usize, T)>),
    /// Until a model that makes room is closed, or nobody uses it any more; or until what is being opened beside it is there.
    Wait,
    Refuse(NotRenewed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fleet) enum NotRenewed {
    /// There is none that it would take the place of.
    NotOpen,
    /// Two of them are more than all models may take together.
    NoRoom { bytes: u64, budget: u64 },
}

/// What has to leave when a model was renewed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::fleet) struct Leaving<T> {
    /// Whether the new one answers from now on.
    pub(in crate::fleet) took_over: bool,
    /// As soon as nobody uses it, and what it takes until then.
    pub(in crate::fleet) retired: Option<(T, u64)>,
    /// At once, because the new one takes more than was thought.
    pub(in crate::fleet) surplus: Vec<(usize, T)>,
}

impl<T> Slots<T> {
    pub(in crate::fleet) fn renew(&mut self, index: usize) -> Renewal<T> {
        let slot = &self.all[index];
        let (bytes, budget) = (slot.bytes, self.budget);
        if !matches!(slot.state, State::Open(_)) {
            return Renewal::Refuse(NotRenewed::NotOpen);
        }
        if slot.renewing.is_some() {
            return Renewal::Wait;
        }
        if bytes.saturating_mul(2) > budget {
            return Renewal::Refuse(NotRenewed::NoRoom { bytes, budget });
        }
        let missing = bytes.saturating_sub(self.free());
        if missing == 0 {
            self.all[index].renewing = Some(bytes);
            return Renewal::Open;
        }
        match self.victims(missing.saturating_sub(self.on_its_way()), Some(index)) {
            Some(victims) if !victims.is_empty() => Renewal::Close(self.close(victims)),
            _ => Renewal::Wait,
        }
    }

    /// From now on the new one answers, also where the old one has gone meanwhile. While that is still leaving, the new one goes too:
    /// whoever wants it opens it.
    pub(in crate::fleet) fn renewed(&mut self, index: usize, model: T, bytes: u64) -> Leaving<T> {
        self.uses += 1;
        let slot = &mut self.all[index];
        slot.renewing = None;
        let (took_over, retired) = match std::mem::replace(&mut slot.state, State::Closed) {
            State::Open(old) => {
                let old_bytes = std::mem::replace(&mut slot.bytes, bytes);
                slot.state = State::Open(model);
                (true, Some((old, old_bytes)))
            }
            State::Closed | State::Failed { .. } => {
                (slot.state, slot.bytes) = (State::Open(model), bytes);
                (true, None)
            }
            leaving @ (State::Opening | State::Closing) => {
                slot.state = leaving;
                (false, Some((model, bytes)))
            }
        };
        slot.retiring += retired.as_ref().map_or(0, |(_, bytes)| *bytes);
        slot.last_used = self.uses;
        let victims = self.victims(self.held().saturating_sub(self.budget), Some(index));
        Leaving { took_over, retired, surplus: self.close(victims.unwrap_or_default()) }
    }

    /// It could not be opened.
    pub(in crate::fleet) fn not_renewed(&mut self, index: usize) {
        self.all[index].renewing = None;
    }

    /// It was opened and is not wanted: its memory is free when it is [retired](Self::retired).
    pub(in crate::fleet) fn rejected(&mut self, index: usize, bytes: u64) {
        let slot = &mut self.all[index];
        slot.renewing = None;
        slot.retiring += bytes;
    }

    /// The old one is gone.
    pub(in crate::fleet) fn retired(&mut self, index: usize, bytes: u64) {
        self.all[index].retiring -= bytes;
    }
}
