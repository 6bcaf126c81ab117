//! Who may stay, who has to go, and the laws that hold whatever happens in whatever order.

use proptest::prelude::*;

use super::*;

fn slots(bytes: &[u64], budget: u64) -> Slots<char> {
    Slots::new(bytes.iter().copied(), budget, 8)
}

/// Somebody wants a model: the first step.
fn want(slots: &mut Slots<char>, slot: usize) -> Step<char> {
    assert!(slots.enter(slot));
    slots.next(slot, Instant::now(), |_| true)
}

/// Opens a model that there is room for, lets somebody use it, and be done with it.
fn use_once(slots: &mut Slots<char>, slot: usize) {
    assert_eq!(want(slots, slot), Step::Open);
    let name = char::from(b'a' + slot as u8);
    slots.opened(slot, name, slots.all[slot].bytes);
    assert_eq!(slots.next(slot, Instant::now(), |_| true), Step::Use(name));
    slots.done(slot);
}

#[test]
fn what_nobody_has_used_for_longest_goes_first() {
    let mut slots = slots(&[1, 1, 1, 1], 3);
    for slot in [0, 1, 2] {
        use_once(&mut slots, slot);
    }
    assert_eq!(want(&mut slots, 0), Step::Use('a'));
    slots.done(0);
    assert_eq!(want(&mut slots, 3), Step::Close(vec![(1, 'b')]));
}

#[test]
fn no_more_go_than_have_to() {
    let mut slots = slots(&[1, 3, 3], 4);
    use_once(&mut slots, 0);
    use_once(&mut slots, 1);
    // The small one is older, but closing it alone would not do, and closing the large one is enough.
    assert_eq!(want(&mut slots, 2), Step::Close(vec![(1, 'b')]));
    // That is on its way: nothing more has to go.
    assert_eq!(slots.next(2, Instant::now(), |_| true), Step::Wait(Reason::Memory));
    slots.closed(1);
    assert_eq!(slots.next(2, Instant::now(), |_| true), Step::Open);
}

#[test]
fn none_goes_where_that_would_not_be_enough() {
    let mut slots = slots(&[2, 2, 3], 4);
    use_once(&mut slots, 0);
    use_once(&mut slots, 1);
    assert_eq!(want(&mut slots, 0), Step::Use('a'));
    assert_eq!(want(&mut slots, 2), Step::Wait(Reason::Memory));
    slots.done(0);
    assert_eq!(slots.next(2, Instant::now(), |_| true), Step::Close(vec![(1, 'b'), (0, 'a')]));
}

/// llama.cpp #25528
#[test]
fn what_is_being_opened_is_not_closed() {
    let mut slots = slots(&[1, 1], 1);
    assert_eq!(want(&mut slots, 0), Step::Open);
    slots.give_up(0);
    assert_eq!(want(&mut slots, 1), Step::Wait(Reason::Memory));
    slots.opened(0, 'a', 1);
    assert_eq!(slots.next(1, Instant::now(), |_| true), Step::Close(vec![(0, 'a')]));
}

/// llama.cpp #28698
#[test]
fn what_was_just_opened_is_not_closed_before_those_who_waited_have_used_it() {
    let mut slots = slots(&[1, 1], 1);
    assert_eq!(want(&mut slots, 0), Step::Open);
    assert_eq!(want(&mut slots, 1), Step::Wait(Reason::Memory));
    slots.opened(0, 'a', 1);
    assert_eq!(slots.next(1, Instant::now(), |_| true), Step::Wait(Reason::Memory));
    assert_eq!(slots.next(0, Instant::now(), |_| true), Step::Use('a'));
}

#[test]
fn what_takes_more_than_was_thought_makes_others_go() {
    let mut slots = slots(&[1, 1], 2);
    use_once(&mut slots, 0);
    assert_eq!(want(&mut slots, 1), Step::Open);
    assert_eq!(slots.opened(1, 'b', 2), [(0, 'a')]);
}

#[test]
fn what_never_fits_is_refused_with_both_numbers() {
    let mut slots = slots(&[5], 4);
    assert_eq!(want(&mut slots, 0), Step::Refuse(Refusal::TooLarge { bytes: 5, budget: 4 }));
    assert_eq!(slots.view(0, Instant::now()), View::TooLarge { bytes: 5, budget: 4 });
}

#[test]
fn what_has_died_is_closed_and_opened_anew() {
    let mut slots = slots(&[1], 1);
    use_once(&mut slots, 0);
    assert!(slots.enter(0));
    assert_eq!(slots.next(0, Instant::now(), |_| false), Step::Close(vec![(0, 'a')]));
    slots.closed(0);
    assert_eq!(slots.next(0, Instant::now(), |_| true), Step::Open);
}

#[test]
fn each_failure_is_remembered_for_longer_until_one_succeeds() {
    let mut slots = slots(&[1], 1);
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        assert!(slots.enter(0));
        assert_eq!(slots.next(0, now, |_| true), Step::Open);
        let error = OpenError::new("broken");
        slots.failed(0, error.clone(), now);
        assert_eq!(slots.view(0, now), View::Failed(&error));
        let Step::Refuse(Refusal::Failed { again_in, .. }) = slots.next(0, now, |_| true) else { panic!("it is open") };
        slots.give_up(0);
        pauses.push(again_in.as_secs());
        now += again_in;
        assert_eq!(slots.view(0, now), View::Closed);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    // Who waits for somebody to be there again should not be late.
    assert!(slots.enter(0));
    assert_eq!(slots.next(0, now, |_| true), Step::Open);
    slots.failed(0, OpenError { may_pass: true, ..OpenError::new("unreachable") }, now);
    now += FIRST_PAUSE;
    assert_eq!(slots.view(0, now), View::Closed);
    slots.give_up(0);
    assert!(slots.enter(0));
    assert_eq!(slots.next(0, now, |_| true), Step::Open);
    slots.opened(0, 'a', 1);
    assert_eq!(slots.all[0].failures, 0);
}

#[test]
fn so_many_may_wait_and_no_more() {
    let mut slots = slots(&[1], 1);
    assert_eq!((0..10).filter(|_| slots.enter(0)).count(), 8);
    slots.give_up(0);
    assert!(slots.enter(0));
}

/// What happens next; numbers are taken modulo of how many there are.
#[derive(Debug, Clone)]
enum Event {
    Comes(usize),
    Looks(usize),
    GivesUp(usize),
    IsDone(usize),
    Opened(usize),
    Fails(usize),
    Closed(usize),
    Renews(usize),
    Renewed(usize),
    NotRenewed(usize),
    Retired(usize),
    TimePasses(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..64_usize).prop_map(Event::Comes),
        6 => (0..64_usize).prop_map(Event::Looks),
        1 => (0..64_usize).prop_map(Event::GivesUp),
        2 => (0..64_usize).prop_map(Event::IsDone),
        2 => (0..64_usize).prop_map(Event::Opened),
        1 => (0..64_usize).prop_map(Event::Fails),
        2 => (0..64_usize).prop_map(Event::Closed),
        2 => (0..64_usize).prop_map(Event::Renews),
        1 => (0..64_usize).prop_map(Event::Renewed),
        1 => (0..64_usize).prop_map(Event::NotRenewed),
        1 => (0..64_usize).prop_map(Event::Retired),
        1 => (0..60_u64).prop_map(Event::TimePasses),
    ]
}

/// Everybody who has to do with the slots. Each number is the slot of the model that somebody waits for, uses, opens or closes.
struct World {
    slots: Slots<usize>,
    bytes: Vec<u64>,
    now: Instant,
    waiting: Vec<usize>,
    using: Vec<usize>,
    opening: Vec<usize>,
    open: Vec<usize>,
    closing: Vec<usize>,
    /// Opened beside themselves.
    renewing: Vec<usize>,
    /// Left, and still used by somebody.
    retiring: Vec<usize>,
}

fn take(from: &mut Vec<usize>, index: usize) -> Option<usize> {
    (!from.is_empty()).then(|| from.swap_remove(index % from.len()))
}

impl World {
    fn new(bytes: Vec<u64>, budget: u64) -> Self {
        let slots = Slots::new(bytes.iter().copied(), budget, 64);
        let empty = Vec::new;
        Self {
            slots,
            bytes,
            now: Instant::now(),
            waiting: empty(),
            using: empty(),
            opening: empty(),
            open: empty(),
            closing: empty(),
            renewing: empty(),
            retiring: empty(),
        }
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Comes(slot) => {
                let slot = slot % self.bytes.len();
                self.waiting.extend(self.slots.enter(slot).then_some(slot));
            }
            Event::Looks(index) => {
                if let Some(slot) = take(&mut self.waiting, index) {
                    self.looks(slot);
                }
            }
            Event::GivesUp(index) => take(&mut self.waiting, index).into_iter().for_each(|slot| self.slots.give_up(slot)),
            Event::IsDone(index) => take(&mut self.using, index).into_iter().for_each(|slot| self.slots.done(slot)),
            Event::Opened(index) => {
                if let Some(slot) = take(&mut self.opening, index) {
                    self.open.push(slot);
                    assert_eq!(self.slots.opened(slot, slot, self.bytes[slot]), []);
                }
            }
            Event::Fails(index) => {
                if let Some(slot) = take(&mut self.opening, index) {
                    self.slots.failed(slot, OpenError::new("broken"), self.now);
                }
            }
            Event::Closed(index) => take(&mut self.closing, index).into_iter().for_each(|slot| self.slots.closed(slot)),
            Event::Renews(slot) => self.renews(slot % self.bytes.len()),
            Event::Renewed(index) => {
                if let Some(slot) = take(&mut self.renewing, index) {
                    let leaving = self.slots.renewed(slot, slot, self.bytes[slot]);
                    let retired = Some((slot, self.bytes[slot]));
                    assert_eq!(leaving, Leaving { took_over: true, retired, surplus: Vec::new() });
                    self.retiring.push(slot);
                }
            }
            Event::NotRenewed(index) => {
                if let Some(slot) = take(&mut self.renewing, index) {
                    self.slots.not_renewed(slot);
                }
            }
            Event::Retired(index) => {
                if let Some(slot) = take(&mut self.retiring, index) {
                    self.slots.retired(slot, self.bytes[slot]);
                }
            }
            Event::TimePasses(seconds) => self.now += Duration::from_secs(seconds),
        }
        let all = [&self.opening, &self.open, &self.closing, &self.renewing, &self.retiring];
        let held: u64 = all.into_iter().flatten().map(|slot| self.bytes[*slot]).sum();
        assert!(held <= self.slots.budget, "{held} bytes are held");
    }

    fn renews(&mut self, slot: usize) {
        match self.slots.renew(slot) {
            Renewal::Open => {
                assert!(self.open.contains(&slot) && !self.renewing.contains(&slot));
                self.renewing.push(slot);
            }
            Renewal::Close(models) => self.closes(models),
            Renewal::Wait | Renewal::Refuse(_) => {}
        }
    }

    fn closes(&mut self, models: Vec<(usize, usize)>) {
        for (closed, _) in models {
            let users = [&self.using, &self.waiting, &self.renewing];
            assert!(users.into_iter().all(|users| !users.contains(&closed)), "it is in use");
            self.open.retain(|open| *open != closed);
            self.closing.push(closed);
        }
    }

    fn looks(&mut self, slot: usize) {
        match self.slots.next(slot, self.now, |_| true) {
            Step::Use(model) => {
                assert_eq!(model, slot);
                assert!(self.open.contains(&slot));
                self.using.push(slot);
                return;
            }
            Step::Open => {
                let known = [&self.opening, &self.open, &self.closing].into_iter().any(|slots| slots.contains(&slot));
                assert!(!known, "it is opened twice");
                self.opening.push(slot);
            }
            Step::Close(models) => self.closes(models),
            Step::Wait(_) => {}
            Step::Refuse(_) => {
                self.slots.give_up(slot);
                return;
            }
        }
        self.waiting.push(slot);
    }
}

#[test]
fn two_states_of_a_model_count_until_the_old_one_is_left() {
    let mut slots = slots(&[4, 3], 10);
    use_once(&mut slots, 0);
    use_once(&mut slots, 1);
    assert_eq!(slots.renew(0), Renewal::Close(vec![(1, 'b')]));
    assert_eq!(slots.renew(0), Renewal::Wait);
    slots.closed(1);
    assert_eq!(slots.renew(0), Renewal::Open);
    assert_eq!(slots.renew(0), Renewal::Wait);
    let leaving = Leaving { took_over: true, retired: Some(('a', 4)), surplus: Vec::new() };
    assert_eq!(slots.renewed(0, 'n', 5), leaving);
    assert_eq!(want(&mut slots, 0), Step::Use('n'));
    assert_eq!(want(&mut slots, 1), Step::Wait(Reason::Memory));
    slots.retired(0, 4);
    assert_eq!(slots.next(1, Instant::now(), |_| true), Step::Open);
}

#[test]
fn where_the_old_one_has_died_the_new_one_is_waited_for_and_not_opened_twice() {
    let mut slots = slots(&[4], 10);
    use_once(&mut slots, 0);
    assert_eq!(slots.renew(0), Renewal::Open);
    assert!(slots.enter(0));
    let is_dead = |_: &char| false;
    assert_eq!(slots.next(0, Instant::now(), is_dead), Step::Close(vec![(0, 'a')]));
    slots.closed(0);
    assert_eq!(slots.next(0, Instant::now(), |_| true), Step::Wait(Reason::Opening));
    assert_eq!(slots.renewed(0, 'n', 5), Leaving { took_over: true, retired: None, surplus: Vec::new() });
    assert_eq!(slots.next(0, Instant::now(), |_| true), Step::Use('n'));
}

#[test]
fn one_that_is_not_wanted_counts_until_it_has_left() {
    let mut slots = slots(&[4, 6], 10);
    use_once(&mut slots, 0);
    assert_eq!(slots.renew(0), Renewal::Open);
    slots.rejected(0, 6);
    assert_eq!(want(&mut slots, 1), Step::Wait(Reason::Memory));
    slots.retired(0, 6);
    assert_eq!(slots.next(1, Instant::now(), |_| true), Step::Open);
}

#[test]
fn nobody_waits_for_what_is_open() {
    let mut slots = Slots::new([1], 1, 1);
    use_once(&mut slots, 0);
    assert!((0..3).all(|_| slots.enter(0)));
}

#[test]
fn what_does_not_fit_beside_itself_stays_as_it_is() {
    let mut slots = slots(&[6], 10);
    assert_eq!(slots.renew(0), Renewal::Refuse(NotRenewed::NotOpen));
    use_once(&mut slots, 0);
    assert_eq!(slots.renew(0), Renewal::Refuse(NotRenewed::NoRoom { bytes: 6, budget: 10 }));
}

proptest! {
    #[test]
    fn the_budget_holds_nothing_in_use_is_closed_and_every_request_ends(
        bytes in prop::collection::vec(0..10_u64, 1..6),
        budget in 1..20_u64,
        events in prop::collection::vec(event(), 0..200),
    ) {
        let mut world = World::new(bytes, budget);
        for event in &events {
            world.happens(event);
        }
        // From now on everybody does what is theirs to do, and nobody comes any more.
        for _ in 0..64 {
            for event in [Event::Opened(0), Event::Closed(0), Event::IsDone(0), Event::Renewed(0), Event::Retired(0)] {
                (0..64).for_each(|_| world.happens(&event));
            }
            (0..world.waiting.len()).for_each(|_| {
                let slot = world.waiting.remove(0);
                world.looks(slot);
            });
        }
        prop_assert_eq!(world.waiting, Vec::<usize>::new());
    }
}
