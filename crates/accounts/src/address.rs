//! How often one address may ask, before anything else is looked at.

mod cells;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};

use self::cells::Cells;

/// So many addresses are remembered, so that a flood of them fills no memory.
const MOST_ADDRESSES: usize = 100_000;

/// Requests a second that flow back, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimit {
    pub requests_per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl AddressLimit {
    /// 50 a second, 100 at once.
    pub const STANDARD: Self = match (NonZeroU32::new(50), NonZeroU32::new(100)) {
        (Some(requests_per_second), Some(burst)) => Self { requests_per_second, burst },
        _ => unreachable!(),
    };
}

/// The generic cell rate algorithm, one cell an address.
#[derive(Debug)]
pub(crate) struct AddressGate<C: Clock = MonotonicClock> {
    cells: RateLimiter<IpAddr, Cells, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl AddressGate {
    pub(crate) fn new(limit: AddressLimit) -> Self {
        Self::with_clock(limit, MOST_ADDRESSES, MonotonicClock)
    }
}

impl<C: Clock + Clone> AddressGate<C> {
    fn with_clock(limit: AddressLimit, most: usize, clock: C) -> Self {
        let quota = Quota::per_second(limit.requests_per_second).allow_burst(limit.burst);
        Self { cells: RateLimiter::new(quota, Cells::new(most), clock.clone()), clock }
    }

    /// How long to wait, if this is one too many.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Duration> {
        self.cells.check_key(&network(address)).map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

/// A household has a whole /64 of IPv6, and may take an address of it for each request.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => match long.to_ipv4_mapped() {
            Some(short) => IpAddr::V4(short),
            None => IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn gate(most: usize) -> (AddressGate<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (AddressGate::with_clock(AddressLimit::STANDARD, most, clock.clone()), clock)
    }

    fn passing(gate: &AddressGate<FakeRelativeClock>, address: &str, tries: usize) -> usize {
        let address = address.parse().expect("an address");
        (0..tries).filter(|_| gate.check(address).is_ok()).count()
    }

    #[test]
    fn a_hundred_at_once_then_fifty_a_second() {
        let (gate, clock) = gate(10);
        assert_eq!(passing(&gate, "192.0.2.1", 300), 100);
        clock.advance(Duration::from_secs(1));
        assert_eq!(passing(&gate, "192.0.2.1", 300), 50);
        assert_eq!(gate.check("192.0.2.1".parse().expect("an address")), Err(Duration::from_millis(20)));
    }

    #[test]
    fn each_address_has_its_own_allowance_and_a_64_is_one_address() {
        let (gate, _clock) = gate(10);
        assert_eq!(passing(&gate, "192.0.2.1", 300), 100);
        assert_eq!(passing(&gate, "::ffff:192.0.2.1", 1), 0);
        assert_eq!(passing(&gate, "192.0.2.2", 300), 100);
        assert_eq!(passing(&gate, "2001:db8:1:2::1", 300), 100);
        assert_eq!(passing(&gate, "2001:db8:1:2:3::1", 1), 0);
        assert_eq!(passing(&gate, "2001:db8:1:3::1", 300), 100);
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory_limits_nobody_else_and_sets_nobody_free() {
        let (gate, _clock) = gate(800);
        assert_eq!(passing(&gate, "192.0.2.1", 300), 100);
        assert_eq!(passing(&gate, "192.0.2.2", 40), 40);
        for flooding in 0..20_000 {
            let address = format!("2001:db8:{:x}:{:x}::1", flooding / 5000, flooding % 5000);
            assert_eq!(passing(&gate, &address, 1), 1, "an address that asks once is in nobody's way");
        }
        assert_eq!(passing(&gate, "192.0.2.1", 1), 0, "who had used up their allowance still have");
        assert_eq!(passing(&gate, "192.0.2.2", 300), 60);
        assert_eq!(passing(&gate, "198.51.100.7", 300), 100);
        assert!(gate.cells.into_state_store().len() <= 800);
    }
}
