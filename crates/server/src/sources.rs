//! Where connections come from, and how well that has gone.

use crate::limits::Limits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// What is remembered of every source that is not exempt.
#[derive(Debug, Default)]
pub(crate) struct Sources(HashMap<IpAddr, Source>);

#[derive(Debug)]
struct Source {
    open: usize,
    /// Failures since `since`.
    failures: usize,
    since: Instant,
    /// Until when nothing of it is taken.
    barred: Option<Instant>,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Turned {
    /// Too many of its connections came to nothing.
    #[error("too many failures")]
    Barred,
    /// It has as many connections as it may have.
    #[error("too many connections from there")]
    Crowded,
}

impl Sources {
    /// Counts one more connection from there, if it may come.
    pub(crate) fn enter(
        &mut self,
        from: IpAddr,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Turned> {
        if limits.exempts(from) {
            return Ok(());
        }
        let key = source(from);
        if !self.0.contains_key(&key) {
            self.make_place(now);
        }
        let source =
            self.0.entry(key).or_insert(Source { open: 0, failures: 0, since: now, barred: None });
        if source.barred.is_some_and(|until| now < until) {
            return Err(Turned::Barred);
        }
        if source.open >= limits.per_source {
            return Err(Turned::Crowded);
        }
        source.open = source.open.saturating_add(1);
        Ok(())
    }

    /// A connection that had entered is over.
    pub(crate) fn leave(&mut self, from: IpAddr, limits: &Limits) {
        // An address that is exempt may have neighbours that are not.
        if let Some(source) = self.0.get_mut(&source(from)).filter(|_| !limits.exempts(from)) {
            source.open = source.open.saturating_sub(1);
        }
    }

    /// A connection from there came to nothing. The answer is whether that was one too many.
    pub(crate) fn failed(&mut self, from: IpAddr, limits: &Limits, now: Instant) -> bool {
        let Some(source) = self.0.get_mut(&source(from)).filter(|_| !limits.exempts(from)) else {
            return false;
        };
        if now.duration_since(source.since) >= WINDOW {
            (source.failures, source.since) = (0, now);
        }
        source.failures = source.failures.saturating_add(1);
        let barred = source.failures >= limits.failures;
        if barred {
            (source.failures, source.since) = (0, now);
            source.barred = now.checked_add(limits.penalty);
        }
        barred
    }

    /// Forgets sources of which there is nothing to remember, once there are many; and all that have no
    /// connection, if that is not enough: to be remembered is no right.
    fn make_place(&mut self, now: Instant) {
        if self.0.len() < MOST {
            return;
        }
        self.0.retain(|_, source| {
            let barred = source.barred.is_some_and(|until| now < until);
            source.open > 0 || barred || now.duration_since(source.since) < WINDOW
        });
        if self.0.len() >= MOST {
            self.0.retain(|_, source| source.open > 0);
        }
    }
}

/// What counts as one: an address, or what one household has of IPv6.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// In what time failures are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How many sources are remembered, some 100 bytes each.
const MOST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            per_source: 2,
            failures: 3,
            exempt: vec!["10.0.0.0/8".parse().unwrap()],
            ..Limits::default()
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_has_so_many_connections_and_others_are_not_touched() {
        let (mut sources, limits, now) = (Sources::default(), limits(), Instant::now());
        for same in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert_eq!(sources.enter(ip(same), &limits, now), Ok(()));
        }
        assert_eq!(sources.enter(ip("192.0.2.1"), &limits, now), Err(Turned::Crowded));
        assert_eq!(sources.enter(ip("192.0.2.2"), &limits, now), Ok(()));
        sources.leave(ip("192.0.2.1"), &limits);
        assert_eq!(sources.enter(ip("192.0.2.1"), &limits, now), Ok(()));
        // A network of 64 bits is one source, the next one another.
        assert_eq!(sources.enter(ip("2001:db8::1"), &limits, now), Ok(()));
        assert_eq!(sources.enter(ip("2001:db8::2"), &limits, now), Ok(()));
        assert_eq!(sources.enter(ip("2001:db8::3"), &limits, now), Err(Turned::Crowded));
        assert_eq!(sources.enter(ip("2001:db8:0:1::1"), &limits, now), Ok(()));
        for _ in 0..100 {
            assert_eq!(sources.enter(ip("10.9.9.9"), &limits, now), Ok(()));
        }
        // One that is exempt among others of its network does not make place for them.
        let limits = Limits { exempt: vec!["2001:db8::9/128".parse().unwrap()], ..limits };
        assert_eq!(sources.enter(ip("2001:db8::9"), &limits, now), Ok(()));
        sources.leave(ip("2001:db8::9"), &limits);
        assert_eq!(sources.enter(ip("2001:db8::3"), &limits, now), Err(Turned::Crowded));
    }

    #[test]
    fn failures_within_a_minute_bar_a_source_for_a_while() {
        let (mut sources, limits, now) = (Sources::default(), limits(), Instant::now());
        let (bad, second) = (ip("192.0.2.1"), Duration::from_secs(1));
        let fail = |sources: &mut Sources, at: Instant| {
            sources.enter(bad, &limits, at).unwrap();
            sources.leave(bad, &limits);
            sources.failed(bad, &limits, at)
        };
        assert!(!fail(&mut sources, now) && !fail(&mut sources, now + second));
        // A minute later it begins anew.
        let later = now + 61 * second;
        assert!(!fail(&mut sources, later) && !fail(&mut sources, later + second));
        assert!(fail(&mut sources, later + 2 * second));
        let barred = later + 2 * second;
        assert_eq!(sources.enter(bad, &limits, barred + 59 * second), Err(Turned::Barred));
        assert_eq!(sources.enter(ip("192.0.2.2"), &limits, barred), Ok(()));
        assert_eq!(sources.enter(bad, &limits, barred + 60 * second), Ok(()));
        for _ in 0..10 {
            assert!(!sources.failed(ip("10.0.0.1"), &limits, now), "it is exempt");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut sources, limits, now) = (Sources::default(), limits(), Instant::now());
        assert_eq!(sources.enter(ip("192.0.2.1"), &limits, now), Ok(()));
        for n in 0..100_000_u32 {
            let from = IpAddr::V4((0x0B00_0000 + n).into());
            assert_eq!(sources.enter(from, &limits, now), Ok(()));
            sources.leave(from, &limits);
            assert!(sources.0.len() <= MOST);
        }
        assert_eq!(sources.0[&ip("192.0.2.1")].open, 1, "who is here is remembered");
    }
}
