//! Which of the servers that could answer is asked.

use std::cmp::Reverse;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Balance;
use crate::chance::Chance;

/// A server that could answer now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    /// Its place in the settings.
    pub(crate) index: usize,
    /// Stands for its address, wherever in the settings that is.
    pub(crate) name: u64,
    pub(crate) weight: u32,
    pub(crate) in_flight: u32,
    /// Seconds that it takes to begin an answer, lately.
    pub(crate) latency: f64,
}

/// How much more than its share a server takes for the sake of its cache.
const BOUND: f64 = 1.25;
/// Of a server that has not answered yet, so that a number of requests counts there too.
const LEAST_LATENCY: f64 = 0.001;

/// What is remembered from one choice to the next.
#[derive(Debug, Clone)]
pub(crate) struct Chooser {
    balance: Balance,
    chance: Chance,
    /// For round robin: by how much each server is behind its share.
    behind: Vec<i64>,
}

impl Chooser {
    pub(crate) fn new(balance: Balance, servers: usize, chance: Chance) -> Self {
        Self { balance, chance, behind: vec![0; servers] }
    }

    /// One of them; `None` of none. `key` stands for the beginning of the prompt.
    pub(crate) fn choose(&mut self, candidates: &[Candidate], key: u64) -> Option<usize> {
        match (self.balance, candidates) {
            (_, []) => None,
            (_, [only]) => Some(only.index),
            (Balance::LeastLoaded, _) => Some(self.least_loaded(candidates)),
            (Balance::RoundRobin, _) => self.round_robin(candidates),
            (Balance::Prefix, _) => by_prefix(candidates, key),
        }
    }

    /// Of two drawn by chance: near the best of all, without everybody rushing to the one that was best a moment ago (Mitzenmacher,
    /// "The power of two choices in randomized load balancing", 2001).
    fn least_loaded(&mut self, candidates: &[Candidate]) -> usize {
        let first = self.chance.below(candidates.len());
        let second = (first + 1 + self.chance.below(candidates.len() - 1)) % candidates.len();
        let (first, second) = (&candidates[first], &candidates[second]);
        if load(second) < load(first) { second.index } else { first.index }
    }

    /// Each in turn, as often as its weight says and as evenly as can be (nginx's "smooth weighted round robin").
    fn round_robin(&mut self, candidates: &[Candidate]) -> Option<usize> {
        let all: i64 = candidates.iter().map(|candidate| i64::from(candidate.weight)).sum();
        for candidate in candidates {
            self.behind[candidate.index] += i64::from(candidate.weight);
        }
        let index =
            candidates.iter().map(|candidate| candidate.index).max_by_key(|index| (self.behind[*index], Reverse(*index)))?;
        self.behind[index] -= all;
        Some(index)
    }
}

fn load(candidate: &Candidate) -> f64 {
    f64::from(candidate.in_flight + 1) * candidate.latency.max(LEAST_LATENCY) / f64::from(candidate.weight)
}

/// The same prompts go to the same server, whichever others come and go and in whatever order they are: the server with the highest draw for the key
/// ("rendezvous hashing"), among those that have not much more to do than their share (Mirrokni, Thorup, Zadimoghaddam, "Consistent
/// hashing with bounded loads", 2018). There is always one.
fn by_prefix(candidates: &[Candidate], key: u64) -> Option<usize> {
    let weights: f64 = candidates.iter().map(|candidate| f64::from(candidate.weight)).sum();
    let all: u32 = candidates.iter().map(|candidate| candidate.in_flight).sum::<u32>() + 1;
    let has_room = |candidate: &&Candidate| {
        let share = f64::from(all) * f64::from(candidate.weight) / weights;
        f64::from(candidate.in_flight + 1) <= (BOUND * share).ceil()
    };
    let draw = |candidate: &Candidate| draw(key, candidate);
    let best = candidates.iter().filter(has_room).max_by(|one, other| draw(one).total_cmp(&draw(other)));
    best.map(|candidate| candidate.index)
}

/// Higher for heavier servers, in proportion to their weights.
fn draw(key: u64, candidate: &Candidate) -> f64 {
    let mut hasher = DefaultHasher::new();
    (key, candidate.name).hash(&mut hasher);
    let uniform = (hasher.finish() as f64 + 1.0) / (u64::MAX as f64 + 2.0);
    -f64::from(candidate.weight) / uniform.ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(in_flight: &[u32]) -> Vec<Candidate> {
        let candidate = |(index, in_flight)| Candidate { index, name: index as u64, weight: 1, in_flight, latency: 0.1 };
        in_flight.iter().copied().enumerate().map(candidate).collect()
    }

    fn chooser(balance: Balance, servers: usize) -> Chooser {
        Chooser::new(balance, servers, Chance::seeded(7))
    }

    #[test]
    fn of_two_the_one_with_less_to_do_is_asked() {
        let mut chooser = chooser(Balance::LeastLoaded, 2);
        assert_eq!(chooser.choose(&candidates(&[3, 2]), 0), Some(1));
        assert_eq!(chooser.choose(&candidates(&[3, 4]), 0), Some(0));
    }

    #[test]
    fn a_slow_server_counts_as_a_busy_one_and_a_heavy_one_as_idle() {
        let mut chooser = chooser(Balance::LeastLoaded, 2);
        let mut servers = candidates(&[1, 2]);
        servers[0].latency = 1.0;
        assert_eq!(chooser.choose(&servers, 0), Some(1));
        servers[0].weight = 20;
        assert_eq!(chooser.choose(&servers, 0), Some(0));
    }

    #[test]
    fn in_turn_each_is_asked_as_often_as_its_weight_says() {
        let mut chooser = chooser(Balance::RoundRobin, 2);
        let mut servers = candidates(&[0, 0]);
        servers[0].weight = 2;
        let asked: Vec<_> = (0..6).filter_map(|_| chooser.choose(&servers, 0)).collect();
        assert_eq!(asked.iter().filter(|index| **index == 0).count(), 4);
        assert!(!asked.windows(3).any(|three| three == [0, 0, 0]), "{asked:?}");
    }

    #[test]
    fn a_conversation_returns_to_its_server_until_that_has_too_much_to_do() {
        let idle = candidates(&[0, 0, 0, 0]);
        let home = by_prefix(&idle, 42).unwrap();
        assert_eq!(by_prefix(&idle, 42), Some(home));
        let mut busy = idle.clone();
        busy[home].in_flight = 9;
        assert_ne!(by_prefix(&busy, 42), Some(home));
        let mut loaded = candidates(&[8, 8, 8, 8]);
        loaded[home].in_flight = 9;
        assert_eq!(by_prefix(&loaded, 42), Some(home), "what all have to do is no reason to leave");
    }

    proptest! {
        /// Only the conversations of the server that is gone move.
        #[test]
        fn the_others_stay_when_a_server_goes(key: u64, gone in 0..5_usize) {
            let all = candidates(&[0; 5]);
            let home = by_prefix(&all, key);
            let rest: Vec<_> = all.into_iter().filter(|candidate| candidate.index != gone).collect();
            let now = by_prefix(&rest, key);
            prop_assert!(home == Some(gone) || now == home);
        }

        /// A new server takes its share of the conversations, and those alone move, wherever in the list it stands and however the
        /// others do.
        #[test]
        fn a_new_server_takes_what_becomes_its_own(
            names in prop::collection::hash_set(any::<u64>(), 2..9),
            place in any::<prop::sample::Index>(),
            turned in any::<prop::sample::Index>(),
        ) {
            let listed = |names: &[u64]| -> Vec<Candidate> {
                let servers = candidates(&vec![0; names.len()]).into_iter().zip(names);
                servers.map(|(server, name)| Candidate { name: *name, ..server }).collect()
            };
            let home = |names: &[u64], key| by_prefix(&listed(names), key).map(|index| names[index]);
            let mut names: Vec<u64> = names.into_iter().collect();
            let new = names.pop().expect("there are two at least");
            let mut more = names.clone();
            more.insert(place.index(more.len() + 1), new);
            let turn = turned.index(more.len());
            more.rotate_left(turn);
            let moved: Vec<u64> = (0..2000).filter(|key| home(&names, *key) != home(&more, *key)).collect();
            prop_assert!(moved.iter().all(|key| home(&more, *key) == Some(new)));
            let share = 2000 / more.len();
            prop_assert!((share / 2..share * 3 / 2).contains(&moved.len()), "{} of {} servers", moved.len(), more.len());
        }

        /// Nobody has more than a quarter above the share, rounded up, whatever is asked.
        #[test]
        fn no_server_is_overrun(keys in prop::collection::vec(0..3_u64, 1..300)) {
            let mut servers = candidates(&[0; 4]);
            for (sent, key) in keys.iter().enumerate() {
                let index = by_prefix(&servers, *key).expect("there is always one");
                servers[index].in_flight += 1;
                let bound = (BOUND * (sent + 1) as f64 / 4.0).ceil();
                prop_assert!(f64::from(servers[index].in_flight) <= bound);
            }
        }

        #[test]
        fn somebody_is_always_chosen(in_flight in prop::collection::vec(0..50_u32, 1..9), key: u64) {
            for balance in [Balance::LeastLoaded, Balance::RoundRobin, Balance::Prefix] {
                let chosen = chooser(balance, in_flight.len()).choose(&candidates(&in_flight), key);
                prop_assert!(chosen.is_some_and(|index| index < in_flight.len()));
            }
        }
    }
}
