//! The way that a request has come, as far as it led through servers of this kind: so that none is sent in a circle.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// Of a [`Hop`], before its number.
const NAME: &str = "llm-inference-api-";
/// More of them in a row than anybody sets up on purpose. It ends circles through servers that each begin anew: replicas behind one
/// address, which are different each time.
const MOST: usize = 8;

/// One run of this program, among all that there are. As text, a name that it goes by among proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop(u64);

impl Hop {
    /// The number should be drawn by chance.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{NAME}{:016x}", self.0)
    }
}

/// It is the name of something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHop;

impl FromStr for Hop {
    type Err = NotAHop;

    fn from_str(text: &str) -> Result<Self, NotAHop> {
        let number = text.strip_prefix(NAME).filter(|number| number.len() == 16).ok_or(NotAHop)?;
        u64::from_str_radix(number, 16).map(Self).map_err(|_| NotAHop)
    }
}

/// Those that a request has come through, the first of them first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hops(Vec<Hop>);

impl Hops {
    /// Whether the request may be sent on from here: not where it has been here before, nor where it has come far too long a way.
    pub fn check(&self, here: Hop) -> Result<()> {
        let reason = match self.0.len() {
            _ if self.0.contains(&here) => "it has come back to a server that has sent it on",
            MOST.. => "it has come through as many gateways as a request may",
            _ => return Ok(()),
        };
        Err(Error::Loop { reason })
    }

    pub fn iter(&self) -> impl Iterator<Item = Hop> {
        self.0.iter().copied()
    }
}

impl FromIterator<Hop> for Hops {
    fn from_iter<I: IntoIterator<Item = Hop>>(hops: I) -> Self {
        Self(hops.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_hop_is_known_by_its_name_and_nothing_else_is() {
        let hop = Hop::new(0x00c0_ffee);
        assert_eq!(hop.to_string(), "llm-inference-api-0000000000c0ffee");
        assert_eq!(hop.to_string().parse(), Ok(hop));
        for other in ["nginx", "llm-inference-api", "llm-inference-api-1", "llm-inference-api-00000000000000zz", ""] {
            assert_eq!(other.parse::<Hop>(), Err(NotAHop), "{other}");
        }
    }

    #[test]
    fn a_request_goes_on_from_wherever_it_has_not_been() {
        let way: Hops = [1, 2, 3].map(Hop::new).into_iter().collect();
        assert_eq!(way.check(Hop::new(4)), Ok(()));
        for been in [1, 2, 3] {
            assert_eq!(way.check(Hop::new(been)).unwrap_err().kind(), Kind::Loop);
        }
    }

    #[test]
    fn a_way_has_an_end_though_no_server_is_on_it_twice() {
        let way = |length: u64| (1..=length).map(Hop::new).collect::<Hops>();
        assert_eq!(way(7).check(Hop::new(0)), Ok(()));
        assert_eq!(way(8).check(Hop::new(0)).unwrap_err().kind(), Kind::Loop);
    }
}
