//! How many guesses of which sequence a step runs.
//!
//! As many as bring the most tokens a second by what guesses and rows are worth (Liu et al. call that goodput:
//! <https://arxiv.org/abs/2406.14066>), and no more than leave every request in the step about as fast as without them: what one
//! gains, another does not pay.

use super::StepCost;

/// The most guesses behind one token.
pub const MOST_GUESSES: usize = 15;

/// What is expected of a step may be wrong; what promises less than this is left alone.
const LEAST_GAIN: f64 = 1.05;
/// How much longer a request may wait for its token because of another's guesses.
const FAIR: f64 = 1.03;

/// What one sequence could have run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// The number of its chunk in the plan.
    pub(crate) chunk: usize,
    chances: [f32; MOST_GUESSES],
    count: usize,
    /// Tokens that have to be caught up with before the first guess, for each of the steps that are to be worth it.
    behind: f64,
    /// How many are run.
    pub(crate) taken: usize,
}

impl Offer {
    /// `chances` never grow.
    pub(crate) fn new(chunk: usize, chances: &[f32]) -> Self {
        let mut offer = Self { chunk, chances: [0.0; MOST_GUESSES], count: 0, behind: 0.0, taken: 0 };
        for (place, chance) in offer.chances.iter_mut().zip(chances) {
            *place = *chance;
            offer.count += 1;
        }
        offer
    }

    /// With so many tokens to catch up with, in guesses that are to be worth it within so many steps.
    pub(crate) fn behind(self, tokens: usize, steps: usize) -> Self {
        Self { behind: tokens as f64 / steps as f64, ..self }
    }

    pub(crate) fn has_guesses(&self) -> bool {
        self.count > 0
    }

    fn next(&self) -> Option<f32> {
        self.chances[..self.count].get(self.taken).copied()
    }

    /// Tokens that are expected of what is taken.
    fn gain(&self) -> f64 {
        self.chances[..self.taken].iter().map(|chance| f64::from(*chance)).sum()
    }
}

/// What it takes to have guesses made.
#[derive(Debug)]
pub(crate) struct Drafting<F> {
    /// Seconds for each token that has to be caught up with.
    pub(crate) token: f64,
    /// Seconds for one guess for each of so many sequences.
    pub(crate) round: F,
    /// How many steps have guesses made for each that runs some.
    pub(crate) asked_for_one: f64,
}

impl Drafting<fn(usize) -> f64> {
    /// For guesses that are there.
    pub(crate) const NONE: Self = Self { token: 0.0, round: |_| 0.0, asked_for_one: 1.0 };
}

/// Chooses; kept between steps for its memory.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    offers: Vec<Offer>,
    /// Which offer each further row was taken from.
    order: Vec<usize>,
}

impl Lengths {
    pub(crate) fn clear(&mut self) {
        self.offers.clear();
    }

    pub(crate) fn offer(&mut self, offer: Offer) {
        self.offers.push(offer);
    }

    pub(crate) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Sets what is taken of each offer, for a step of so many rows and sequences.
    pub(crate) fn choose(
        &mut self,
        rows: usize,
        sequences: usize,
        cost: &StepCost,
        drafting: &Drafting<impl Fn(usize) -> f64>,
    ) {
        // How many sequences are guessed for once, twice ...
        let mut drafted = [0; MOST_GUESSES];
        let without = cost.of(rows);
        let mut tokens = sequences as f64;
        let mut behind = 0.0;
        let mut best = (0, LEAST_GAIN * tokens / without);
        self.order.clear();
        while let Some((index, chance)) = self.likeliest() {
            let offer = &mut self.offers[index];
            behind += if offer.taken == 0 { offer.behind } else { 0.0 };
            drafted[offer.taken] += 1;
            offer.taken += 1;
            self.order.push(index);
            tokens += f64::from(chance);
            let rounds = drafted.iter().take_while(|sequences| **sequences > 0);
            let drafting_seconds = rounds.map(|sequences| (drafting.round)(*sequences)).sum::<f64>();
            let running = cost.of(rows + self.order.len());
            let rate = tokens / (running + drafting.asked_for_one * (drafting.token * behind + drafting_seconds));
            // Catching up takes its time in few steps, of which `DraftModel::catch_up` limits each.
            let longer = (running + drafting_seconds) / without;
            if rate > best.1 && longer <= FAIR * (1.0 + self.least_gain(sequences)) {
                best = (self.order.len(), rate);
            }
        }
        for index in self.order.drain(best.0..) {
            self.offers[index].taken -= 1;
        }
    }

    /// Takes all that is offered.
    pub(crate) fn take_all(&mut self) {
        for offer in &mut self.offers {
            offer.taken = offer.count;
        }
    }

    /// The guess that is worth most among those that come next.
    fn likeliest(&self) -> Option<(usize, f32)> {
        let next = self.offers.iter().enumerate().filter_map(|(index, offer)| Some((index, offer.next()?)));
        next.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// What the sequence gains that gains least.
    fn least_gain(&self, sequences: usize) -> f64 {
        if self.offers.len() < sequences {
            return 0.0;
        }
        self.offers.iter().map(Offer::gain).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Steps of 100 ms and some milliseconds for each row.
    fn rows_cost(milliseconds: u64) -> StepCost {
        let mut cost = StepCost::default();
        for step in 0..200 {
            let rows = 1 + step % 8;
            cost.note(rows, Duration::from_millis(100 + milliseconds * rows as u64));
        }
        cost
    }

    /// What is taken in a step of one row each, where each guess of a sequence has the same odds, and a round of guesses takes so
    /// many seconds and is made so often for one that is run.
    fn taken_of_drafts(odds: &[f32], cost: &StepCost, drafting: f64, asked_for_one: f64) -> Vec<usize> {
        let mut lengths = Lengths::default();
        for (chunk, odds) in odds.iter().enumerate() {
            let chances: Vec<_> = (1..=MOST_GUESSES as i32).map(|length| odds.powi(length)).collect();
            lengths.offer(Offer::new(chunk, &chances));
        }
        lengths.choose(odds.len(), odds.len(), cost, &Drafting { token: 0.0, round: |_| drafting, asked_for_one });
        lengths.offers().iter().map(|offer| offer.taken).collect()
    }

    fn taken(odds: &[f32], cost: &StepCost) -> Vec<usize> {
        taken_of_drafts(odds, cost, 0.0, 1.0)
    }

    #[test]
    fn guesses_that_take_time_have_to_be_worth_that_too() {
        let cost = rows_cost(8);
        let counts: Vec<usize> =
            [0.0, 0.02, 0.05, 0.2].iter().map(|time| taken_of_drafts(&[0.8], &cost, *time, 1.0)[0]).collect();
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] > 3 && counts[3] == 0, "{counts:?}");
    }

    #[test]
    fn guesses_that_are_seldom_run_have_to_be_worth_more() {
        // Sure and right half of the time: asking brings 0.475 tokens for 25 ms of a step's 108, and half of a row's 8.
        let taken = |asked_for_one| taken_of_drafts(&[0.95], &rows_cost(8), 0.025, asked_for_one)[0];
        assert!(taken(1.0) >= taken(2.0) && taken(2.0) > 0 && taken(40.0) == 0);
    }

    #[test]
    fn what_has_to_be_caught_up_with_counts_once_for_each_sequence() {
        // Rows are free, or nobody would be guessed for without the others.
        let cost = rows_cost(0);
        let taken = |behind: [usize; 2]| {
            let mut lengths = Lengths::default();
            for (chunk, tokens) in behind.into_iter().enumerate() {
                lengths.offer(Offer::new(chunk, &[0.9 - 0.3 * chunk as f32, 0.5]).behind(tokens, 10));
            }
            lengths.choose(2, 2, &cost, &Drafting { token: 0.001, round: |_| 0.0, asked_for_one: 1.0 });
            [lengths.offers()[0].taken, lengths.offers()[1].taken]
        };
        assert_eq!(taken([0, 0]), [2, 2]);
        assert_eq!(taken([100, 100]), [2, 2], "a fifth more time");
        assert_eq!(taken([0, 5000]), [1, 0]);
        assert_eq!(taken([5000, 5000]), [0, 0]);
    }

    #[test]
    fn the_surer_the_more() {
        let cost = rows_cost(8);
        let counts: Vec<usize> = [0.02, 0.3, 0.6, 0.9, 1.0].iter().map(|odds| taken(&[*odds], &cost)[0]).collect();
        assert_eq!(counts[0], 0);
        assert_eq!(counts[4], MOST_GUESSES);
        assert!(counts.is_sorted() && counts[1] >= 1 && counts[3] > counts[2], "{counts:?}");
    }

    #[test]
    fn the_dearer_rows_are_the_fewer_are_run() {
        let counts: Vec<usize> = [0, 8, 30, 100].iter().map(|cost| taken(&[0.8], &rows_cost(*cost))[0]).collect();
        assert_eq!(counts[0], MOST_GUESSES, "free rows are taken to the last");
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts[3] <= 2, "{counts:?}");
    }

    #[test]
    fn nobody_pays_for_what_another_gains() {
        let cost = rows_cost(8);
        assert_eq!(taken(&[0.95, 0.0], &cost), [0, 0]);
        let both = taken(&[0.95, 0.9], &cost);
        assert!(both.iter().all(|taken| *taken > 0), "{both:?}");
        assert!(taken(&[0.95, 0.0], &rows_cost(1))[0] > 0, "unless it costs next to nothing");
    }

    #[test]
    fn a_sequence_that_offers_nothing_counts_too() {
        let mut lengths = Lengths::default();
        lengths.offer(Offer::new(0, &[0.9, 0.8]));
        lengths.choose(2, 2, &rows_cost(8), &Drafting::NONE);
        assert_eq!(lengths.offers()[0].taken, 0);
    }
}
