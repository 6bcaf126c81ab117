//! The adapters that are in memory: within a budget, those that nobody has used for longest out first, one in use never.
//!
//! An adapter is in use as long as somebody holds it beside the shelf: a request that is on its way, or a sequence that runs.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use backend::{Adapter, Backend};

/// Adapters that are held by their shelf alone make room for others.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Bytes of all that are here.
    budget: u64,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    held: Vec<Held>,
    /// Of those that are being loaded.
    promised: u64,
    /// Counts uses, to tell which was the last, and names places.
    clock: u64,
}

#[derive(Debug)]
struct Held {
    place: Place,
    /// The state of the model that it was made for.
    model: Weak<dyn Backend>,
    adapter: Adapter,
    bytes: u64,
    last_used: u64,
    /// It is to go as soon as nobody uses it.
    given_up: bool,
}

/// Where an adapter is found again, if it is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

/// Room for an adapter that is being loaded. Dropped, it is there for others again.
#[derive(Debug)]
pub(super) struct Room<'a> {
    shelf: &'a Shelf,
    bytes: u64,
}

impl Shelf {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, contents: Mutex::default() }
    }

    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    pub(super) fn place(&self) -> Place {
        let mut contents = self.contents();
        contents.clock += 1;
        Place(contents.clock)
    }

    /// What is at a place for this state of its model, which is used by this.
    pub(super) fn find(&self, place: Place, model: &Weak<dyn Backend>) -> Option<Adapter> {
        let mut contents = self.contents();
        contents.clock += 1;
        let clock = contents.clock;
        let held = contents.held.iter_mut().find(|held| held.is_at(place) && held.model.ptr_eq(model))?;
        held.last_used = clock;
        Some(held.adapter.clone())
    }

    /// Whether there is something at a place, without using it.
    pub(super) fn has(&self, place: Place) -> bool {
        self.contents().held.iter().any(|held| held.is_at(place) && !held.is_lost())
    }

    /// Room for so many bytes; `None` if those that are not in use would not make enough.
    pub(super) fn make_room(&self, bytes: u64) -> Option<Room<'_>> {
        let mut contents = self.contents();
        let fits = |contents: &Contents| contents.taken().saturating_add(bytes) <= self.budget;
        // None is thrown out for nothing.
        let kept: u64 = contents.held.iter().filter(|held| held.adapter.is_in_use()).map(|held| held.bytes).sum();
        if kept.saturating_add(contents.promised).saturating_add(bytes) > self.budget {
            return None;
        }
        while !fits(&contents) {
            let idle = contents.held.iter().enumerate().filter(|(_, held)| !held.adapter.is_in_use());
            let (oldest, _) = idle.min_by_key(|(_, held)| (!held.is_lost(), held.last_used))?;
            contents.held.swap_remove(oldest);
        }
        contents.promised += bytes;
        Some(Room { shelf: self, bytes })
    }

    /// What is at a place can go as soon as nobody uses it.
    pub(super) fn give_up(&self, place: Place) {
        self.contents().give_up(|held| held.place == place);
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn give_up(&mut self, which: impl Fn(&Held) -> bool) {
        self.held.retain(|held| !which(held) || held.adapter.is_in_use());
        self.held.iter_mut().filter(|held| which(held)).for_each(|held| held.given_up = true);
    }

    fn taken(&self) -> u64 {
        self.promised + self.held.iter().map(|held| held.bytes).sum::<u64>()
    }
}

impl Held {
    /// One that was given up is not found again.
    fn is_at(&self, place: Place) -> bool {
        self.place == place && !self.given_up
    }

    /// Nobody can ask for it any more.
    fn is_lost(&self) -> bool {
        self.given_up || self.model.strong_count() == 0
    }
}

impl Room<'_> {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the adapter there. Another one for the same state of the model can go as soon as nobody uses it.
    pub(super) fn fill(self, place: Place, model: Weak<dyn Backend>, adapter: Adapter) {
        let mut contents = self.shelf.contents();
        contents.give_up(|held| held.place == place && held.model.ptr_eq(&model));
        contents.clock += 1;
        let held = Held { place, model, adapter, bytes: self.bytes, last_used: contents.clock, given_up: false };
        contents.held.push(held);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.shelf.contents().promised -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::Scripted;

    use super::*;

    fn adapter() -> Adapter {
        Adapter::new(Arc::new(()))
    }

    fn model() -> Arc<dyn Backend> {
        Arc::new(Scripted::new("demo"))
    }

    /// A shelf, and a model that is open.
    struct World {
        shelf: Shelf,
        model: Arc<dyn Backend>,
    }

    impl World {
        fn of(budget: u64) -> Self {
            Self { shelf: Shelf::new(budget), model: model() }
        }

        fn find(&self, place: Place) -> Option<Adapter> {
            self.shelf.find(place, &Arc::downgrade(&self.model))
        }

        /// Puts an adapter of so many bytes there.
        fn put(&self, bytes: u64) -> Option<Place> {
            let place = self.shelf.place();
            self.shelf.make_room(bytes)?.fill(place, Arc::downgrade(&self.model), adapter());
            Some(place)
        }
    }

    #[test]
    fn the_one_that_nobody_has_used_for_longest_makes_room() {
        let world = World::of(10);
        let [first, second] = [4, 4].map(|bytes| world.put(bytes).unwrap());
        world.find(first);
        let third = world.put(4).unwrap();
        assert_eq!([first, second, third].map(|place| world.shelf.has(place)), [true, false, true]);
    }

    #[test]
    fn one_in_use_is_never_thrown_out_and_none_for_nothing() {
        let world = World::of(10);
        let [used, idle] = [6, 4].map(|bytes| world.put(bytes).unwrap());
        let in_use = world.find(used);
        assert!(world.put(5).is_none());
        assert!(world.shelf.has(idle), "it would not have been enough");
        assert!(world.put(4).is_some() && !world.shelf.has(idle));
        drop(in_use);
        assert!(world.put(10).is_some() && !world.shelf.has(used));
    }

    #[test]
    fn what_was_given_up_counts_until_nobody_uses_it() {
        let world = World::of(10);
        let place = world.put(8).unwrap();
        let in_use = world.find(place);
        world.shelf.give_up(place);
        assert!(world.find(place).is_none() && world.put(5).is_none());
        drop(in_use);
        assert!(world.put(5).is_some());
    }

    #[test]
    fn another_one_is_found_in_the_place_of_one_that_is_in_use() {
        let world = World::of(10);
        let place = world.put(4).unwrap();
        let in_use = world.find(place);
        world.shelf.make_room(4).unwrap().fill(place, Arc::downgrade(&world.model), Adapter::new(Arc::new("newer")));
        assert_eq!(world.find(place).unwrap().get::<&str>().as_deref(), Some(&"newer"));
        drop(in_use);
        assert!(world.put(6).is_some(), "the older one makes room");
    }

    #[test]
    fn one_that_was_made_for_another_state_of_its_model_is_not_found() {
        let (mut world, new) = (World::of(10), model());
        let place = world.put(4).unwrap();
        let in_use = world.find(place);
        assert!(in_use.is_some() && world.shelf.find(place, &Arc::downgrade(&new)).is_none());
        world.shelf.make_room(4).unwrap().fill(place, Arc::downgrade(&new), adapter());
        assert!(world.find(place).is_some(), "for who still has the old one");
        drop(in_use);
        world.model = new;
        assert!(world.put(6).is_some() && world.find(place).is_some(), "what is of no model makes room");
    }

    #[test]
    fn room_that_is_not_filled_is_there_for_others() {
        let shelf = Shelf::new(10);
        let room = shelf.make_room(8);
        assert!(shelf.make_room(8).is_none());
        drop(room);
        assert!(shelf.make_room(8).is_some());
    }
}
