//! What is known of each address, in a bounded space.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

/// Addresses that may be in each other's way.
const WAYS: usize = 8;

/// A cache of so many sets: an address belongs into one of them, and takes the place of the one there that has most of its
/// allowance back. In a flood of addresses those that ask once push each other out, and none that asks much: nobody pays for
/// others, and nobody gets rid of what they have used by others' help.
#[derive(Debug)]
pub(super) struct Cells {
    sets: Box<[Mutex<Vec<Cell>>]>,
    /// Keyed by chance, so that nobody can choose addresses that meet.
    hasher: RandomState,
}

#[derive(Debug)]
struct Cell {
    address: IpAddr,
    /// Until when it has used up its allowance, as the algorithm counts.
    state: Nanos,
}

impl Cells {
    /// For about so many addresses. 32 bytes each, and none before it comes.
    pub(super) fn new(most: usize) -> Self {
        let sets = (0..most.div_ceil(WAYS).max(1)).map(|_| Mutex::default()).collect();
        Self { sets, hasher: RandomState::new() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(|set| set.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

impl StateStore for Cells {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, address: &IpAddr, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let set = &self.sets[self.hasher.hash_one(address) as usize % self.sets.len()];
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = set.iter_mut().find(|cell| cell.address == *address) {
            let (passed, state) = measure(Some(cell.state))?;
            cell.state = state;
            return Ok(passed);
        }
        let (passed, state) = measure(None)?;
        let cell = Cell { address: *address, state };
        if set.len() < WAYS {
            set.push(cell);
        } else if let Some(place) = set.iter_mut().min_by_key(|cell| cell.state) {
            *place = cell;
        }
        Ok(passed)
    }
}
