//! No faster than wanted.

use std::time::{Duration, Instant};

/// A bucket of bytes that fills at the rate wanted, up to [`BURST`]. A message is taken whole, so that there
/// may be less than nothing in it; then nothing more is taken until there is something again.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes a second.
    rate: u64,
    /// When it will be, or was, just empty.
    empty: Instant,
}

impl Pace {
    pub(crate) fn new(rate: u64, now: Instant) -> Self {
        Self { rate, empty: now }
    }

    /// The same, from now on.
    pub(crate) fn starting(rate: u64) -> Self {
        Self::new(rate, Instant::now())
    }

    /// Takes so many bytes out of it.
    pub(crate) fn take(&mut self, bytes: u64, now: Instant) {
        let oldest = now.checked_sub(BURST).unwrap_or(now);
        let rate = u128::from(self.rate);
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / rate;
        let time = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let from = self.empty.max(oldest);
        self.empty = from.checked_add(time).unwrap_or(from);
    }

    /// When there is something in it again.
    pub(crate) fn opens_at(&self) -> Instant {
        self.empty
    }
}

/// How long a pause may last that is made up for by more speed behind it.
const BURST: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_takes_its_time_and_pauses_are_soon_forgotten() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        pace.take(500, start);
        pace.take(1500, start);
        assert_eq!(pace.opens_at(), start + Duration::from_secs(2));
        let later = start + Duration::from_secs(60);
        pace.take(1000, later);
        assert_eq!(pace.opens_at(), later + (Duration::from_secs(1).saturating_sub(BURST)));
    }
}
