//! What a peer can make a decoder hold.

use std::alloc::System;

use framing::{BuildError, Config, Framing, Limits, Oversize};
use stats_alloc::{Region, StatsAlloc};

use crate::choice::{Visit, choose};
use crate::input::{Input, Sizes};
use crate::subject::Subject;

/// **Memory follows the bytes received, whatever a head claims and whatever the limits are.**
///
/// At no point does a decoder hold more than twice what it was given, and 4 KiB. Limits that overflow
/// do not build.
///
/// The input is a kind of framing, a policy (and how to read, in its other bits), a seed of cuts, and
/// four limits; then the spec, for the kinds that have one, and the stream. `allocator` is that of the
/// program, in which nothing else may go on.
pub fn hostile_limits(data: &[u8], allocator: &StatsAlloc<System>) {
    let mut input = Input::new(data);
    let (kind, policy, seed) = (input.byte(), input.byte(), input.byte());
    let [head, payload, trailer, parts] = [(); 4].map(|()| limit(&mut input));
    let limits = Limits { head, payload, trailer, parts };
    let policies = [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream];
    let oversize = policies[usize::from(policy) % 4];
    let reading = Reading { events: policy & 4 != 0, owned: policy & 8 != 0, seed };
    choose(kind, input, Hostile { limits, oversize, reading, allocator });
}

fn limit(input: &mut Input<'_>) -> usize {
    const LARGEST: usize = isize::MAX.unsigned_abs();
    match input.byte() {
        0xFF => usize::MAX,
        0xFE => LARGEST,
        0xFD => LARGEST - 1,
        0xFC => LARGEST / 2,
        0xFB => LARGEST / 3,
        0xFA => LARGEST / 4,
        0xF9 => 1 << 32,
        0xF8 => 1 << 20,
        0xF0..=0xF7 => 1 << 13,
        small => small.into(),
    }
}

struct Reading {
    events: bool,
    owned: bool,
    seed: u8,
}

struct Hostile<'a> {
    limits: Limits,
    oversize: Oversize,
    reading: Reading,
    allocator: &'a StatsAlloc<System>,
}

impl Visit for Hostile<'_> {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let config =
            Config::new(framing).limits(self.limits).oversize(self.oversize).capacity(1024);
        if overflows(&self.limits) {
            let refused = Some(BuildError::LimitsOverflow);
            assert_eq!(config.decoder().err(), refused);
            assert_eq!(config.reassembler().err(), refused);
            assert_eq!(config.encoder().err(), refused);
            return;
        }
        let region = Region::new(self.allocator);
        let subject = if self.reading.owned {
            config.reassembler().map(Subject::Owned)
        } else {
            config.decoder().map(|decoder| Subject::Push(decoder, &[]))
        };
        if let Ok(subject) = subject {
            self.reading.all_of(subject, input.rest(), &region);
        }
    }
}

fn overflows(limits: &Limits) -> bool {
    let all = [limits.head, limits.payload, limits.trailer].map(|limit| limit as u128);
    all.iter().sum::<u128>() > isize::MAX.unsigned_abs() as u128
}

impl Reading {
    fn all_of<'w, F: Framing>(
        &self,
        mut subject: Subject<'w, F>,
        stream: &'w [u8],
        region: &Region<'_, System>,
    ) {
        let mut sizes = Sizes::up_to(self.seed, 1 << (self.seed % 9));
        let mut rest = stream;
        let mut finishing = false;
        loop {
            let found = if self.events {
                subject.next_event(finishing).map(|event| event.is_some())
            } else {
                subject.next(finishing).map(|frame| frame.is_some())
            };
            // What is only reported is something, too.
            let over = found.is_err_and(|error| error.is_fatal());
            let found = found.unwrap_or(true);
            let received = stream.len() - rest.len();
            let stats = region.change();
            let held = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
            assert!(held <= 2 * received + 4096, "{held} bytes are held of {received}");
            if over || (finishing && !found) {
                return;
            }
            if !found {
                finishing = rest.is_empty();
                if !finishing {
                    subject.feed(&mut rest, sizes.next());
                }
            }
        }
    }
}
