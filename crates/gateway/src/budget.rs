//! How often a request may be asked again: a tenth of the traffic, so that servers in trouble are not given twice the work.

/// In tenths of a retry.
const WHOLE: u32 = 10;
/// What is there at the start, and the most that is saved up.
const MOST: u32 = 10 * WHOLE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryBudget {
    tenths: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tenths: MOST }
    }
}

impl RetryBudget {
    /// A request has come.
    pub(crate) fn deposit(&mut self) {
        self.tenths = (self.tenths + 1).min(MOST);
    }

    /// Whether it may be asked again.
    pub(crate) fn withdraw(&mut self) -> bool {
        let left = self.tenths.checked_sub(WHOLE);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn retries_are_at_most_a_tenth_of_the_requests_and_ten(requests in prop::collection::vec(0..4_u32, 0..500)) {
            let mut budget = RetryBudget::default();
            let mut retries = 0;
            for wanted in &requests {
                budget.deposit();
                retries += (0..*wanted).filter(|_| budget.withdraw()).count();
            }
            prop_assert!(retries <= 10 + requests.len() / 10);
        }
    }

    #[test]
    fn traffic_earns_what_trouble_has_spent() {
        let mut budget = RetryBudget::default();
        while budget.withdraw() {}
        for _ in 0..WHOLE {
            budget.deposit();
        }
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
    }
}
