//! Stretches of the UTC calendar over which is counted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    Minute,
    Day,
    Month,
}

impl Period {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// One minute, day or month. It follows from the time alone: a clock that is set back finds the former window again with what
/// was counted in it, and none is ever counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    pub period: Period,
    /// Seconds since 1970.
    starts: i64,
    ends: i64,
}

impl Window {
    pub fn at(period: Period, now: SystemTime) -> Self {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let (starts, ends) = match period {
            Period::Minute => {
                let starts = now.as_second().div_euclid(60) * 60;
                (starts, starts + 60)
            }
            Period::Day => {
                let day = date(now);
                (midnight(day), midnight(day.saturating_add(1.day())))
            }
            Period::Month => {
                let first = date(now).first_of_month();
                (midnight(first), midnight(first.saturating_add(1.month())))
            }
        };
        Self { period, starts, ends }
    }

    pub(crate) const fn starts(self) -> i64 {
        self.starts
    }

    /// How long until the next one begins.
    pub fn left(self, now: SystemTime) -> Duration {
        let ends = UNIX_EPOCH + Duration::from_secs(self.ends.max(0).cast_unsigned());
        ends.duration_since(now).unwrap_or_default()
    }

    pub(crate) fn is_over(self, now: SystemTime) -> bool {
        self.left(now).is_zero()
    }
}

fn date(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn midnight(date: Date) -> i64 {
    date.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().expect("a time").into()
    }

    fn spans(period: Period, now: &str) -> String {
        let window = Window::at(period, at(now));
        let text = |seconds| Timestamp::from_second(seconds).expect("a time").to_string();
        format!("{} to {}", text(window.starts), text(window.ends))
    }

    #[test]
    fn a_month_ends_on_its_last_day() {
        let months = [
            ("2026-01-31T23:59:59Z", "2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z"),
            ("2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z to 2028-03-01T00:00:00Z"),
            ("2026-03-31T00:00:00Z", "2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z"),
            ("2026-04-30T23:59:59.999Z", "2026-04-01T00:00:00Z to 2026-05-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z"),
        ];
        for (now, expected) in months {
            assert_eq!(spans(Period::Month, now), expected);
        }
    }

    #[test]
    fn a_day_ends_at_midnight_whatever_the_month() {
        let days = [
            ("2026-01-31T23:59:59Z", "2026-01-31T00:00:00Z to 2026-02-01T00:00:00Z"),
            ("2028-02-28T12:00:00Z", "2028-02-28T00:00:00Z to 2028-02-29T00:00:00Z"),
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z to 2028-03-01T00:00:00Z"),
            ("2100-02-28T12:00:00Z", "2100-02-28T00:00:00Z to 2100-03-01T00:00:00Z"),
            ("2026-06-30T12:00:00Z", "2026-06-30T00:00:00Z to 2026-07-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-31T00:00:00Z to 2027-01-01T00:00:00Z"),
        ];
        for (now, expected) in days {
            assert_eq!(spans(Period::Day, now), expected);
        }
    }

    #[test]
    fn a_clock_set_back_finds_the_former_window_again() {
        let before = Window::at(Period::Day, at("2026-12-31T23:59:59Z"));
        let after = Window::at(Period::Day, at("2027-01-01T00:00:00Z"));
        assert_ne!(before, after);
        assert_eq!(before, Window::at(Period::Day, at("2026-12-31T23:59:58Z")));
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_window_and_the_next_begins_where_it_ends(seconds in 0u64..8_000_000_000, which in 0usize..3) {
            let period = [Period::Minute, Period::Day, Period::Month][which];
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            let window = Window::at(period, now);
            prop_assert!(window.starts <= seconds.cast_signed() && seconds.cast_signed() < window.ends);
            prop_assert!(!window.is_over(now));
            let next = Window::at(period, now + window.left(now));
            prop_assert_eq!(next.starts, window.ends);
        }
    }
}
