//! Whether a server is well, as far as asking it every few seconds tells.

use std::time::Duration;

pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// While it is down: who waits for it should not wait long after it is back.
pub(crate) const EVERY_WHILE_DOWN: Duration = Duration::from_secs(1);
/// How long a server may take to say that it is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// In a row.
const MISSES: u32 = 3;
const HITS: u32 = 2;

/// What looks at a server have shown. The first one decides at once, and so does the first good one; after it, so many have to agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Health {
    known: Option<bool>,
    was_up: bool,
    /// How many looks in a row have said the opposite.
    against: u32,
}

impl Health {
    /// A server that nobody has looked at yet may be asked.
    pub(crate) fn is_up(self) -> bool {
        self.known != Some(false)
    }

    /// Whether this look has changed anything.
    pub(crate) fn seen(&mut self, well: bool) -> bool {
        let before = self.known;
        match self.known {
            None => self.known = Some(well),
            Some(known) if known == well => self.against = 0,
            Some(known) => {
                self.against += 1;
                let enough = match known {
                    true => MISSES,
                    false if self.was_up => HITS,
                    false => 1,
                };
                if self.against >= enough {
                    (self.known, self.against) = (Some(well), 0);
                }
            }
        }
        self.was_up |= self.known == Some(true);
        self.known != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(looks: &[bool]) -> bool {
        let mut health = Health::default();
        for well in looks {
            health.seen(*well);
        }
        health.is_up()
    }

    #[test]
    fn a_server_is_down_after_three_misses_and_up_after_two_hits() {
        assert!(after(&[]));
        assert!(after(&[true, false, false]));
        assert!(after(&[true, false, false, true, false, false]));
        assert!(!after(&[true, false, false, false]));
        assert!(!after(&[true, false, false, false, true]));
        assert!(!after(&[true, false, false, false, true, false, true]));
        assert!(after(&[true, false, false, false, true, true]));
    }

    #[test]
    fn the_first_look_decides_at_once_and_so_does_the_first_good_one() {
        assert!(!after(&[false]));
        assert!(after(&[false, false, true]), "it was only starting");
    }
}
