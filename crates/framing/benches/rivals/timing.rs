//! The clock: contenders by turns, round by round, so that what disturbs one disturbs all.

use std::rc::Rc;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::contender::Run;
use crate::rows::{Extent, Row};
use crate::stream::{Stream, Wire};

/// What one contender took, for each round.
pub(crate) struct Measured {
    pub(crate) contender: &'static str,
    /// Nanoseconds per frame.
    pub(crate) ns: Vec<f64>,
    /// Over what the floor took in the same round.
    pub(crate) ratio: Vec<f64>,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// The least that is timed at once: the clock is a system call, and counts itself.
    least: Duration,
}

impl Effort {
    pub(crate) const fn of(extent: Extent) -> Self {
        match extent {
            Extent::All => Self { rounds: 31, least: Duration::from_micros(1500) },
            Extent::Quick => Self { rounds: 9, least: Duration::from_micros(400) },
        }
    }
}

/// The contenders of a row, and the stream of each.
pub(crate) struct Race {
    frames: usize,
    lanes: Vec<(Box<dyn Run>, Rc<Stream>)>,
}

impl Race {
    pub(crate) fn new(row: &Row) -> Self {
        let payloads = row.payload.make(row.total());
        let mut streams: Vec<(Wire, Rc<Stream>)> = Vec::new();
        let lanes = row.contenders().into_iter().map(|contender| {
            let wire = contender.wire();
            let made = streams.iter().position(|(made, _)| *made == wire).unwrap_or_else(|| {
                streams.push((wire, Rc::new(Stream::new(&payloads, wire, row.cut()))));
                streams.len() - 1
            });
            (contender, Rc::clone(&streams[made].1))
        });
        Self { lanes: lanes.collect(), frames: payloads.len() }
    }

    /// Every contender gives every frame as it is.
    pub(crate) fn verify(&mut self) {
        for (contender, stream) in &mut self.lanes {
            contender.verify(stream);
        }
    }

    pub(crate) fn run(&mut self, effort: Effort) -> Vec<Measured> {
        let lanes = &mut self.lanes;
        let passes: Vec<usize> = lanes.iter_mut().map(|lane| calibrate(lane, effort)).collect();
        let mut measured: Vec<Measured> = lanes
            .iter()
            .map(|(contender, _)| Measured::of(contender.name(), effort.rounds))
            .collect();
        for round in 0..effort.rounds {
            for turn in 0..lanes.len() {
                // Nobody always runs behind the same one.
                let at = (round + turn) % lanes.len();
                let took = time(&mut lanes[at], passes[at]).as_secs_f64() * 1e9;
                #[allow(clippy::cast_precision_loss, reason = "far less than 2^52")]
                let frames = (passes[at] * self.frames) as f64;
                measured[at].ns.push(took / frames);
            }
            let floor = measured[0].ns[round];
            for one in &mut measured {
                one.ratio.push(one.ns[round] / floor);
            }
        }
        measured
    }

    /// Runs one of them for so many passes, for those who count instructions. The answer is how many
    /// frames a pass has.
    pub(crate) fn repeat(&mut self, contender: &str, passes: usize) -> usize {
        let lane = self.lanes.iter_mut().find(|(lane, _)| lane.name() == contender);
        let (contender, stream) = lane.expect("a contender of this row");
        contender.run(stream, passes);
        self.frames
    }
}

impl Measured {
    pub(crate) fn of(contender: &'static str, rounds: usize) -> Self {
        Self { contender, ns: Vec::with_capacity(rounds), ratio: Vec::with_capacity(rounds) }
    }
}

/// How many passes it takes until the clock is fine enough; they warm up what is to be warm.
fn calibrate(lane: &mut (Box<dyn Run>, Rc<Stream>), effort: Effort) -> usize {
    let mut passes = 1;
    while time(lane, passes) < effort.least {
        passes *= 2;
    }
    passes
}

fn time((contender, stream): &mut (Box<dyn Run>, Rc<Stream>), passes: usize) -> Duration {
    let start = ThreadTime::now();
    contender.run(stream, passes);
    start.elapsed()
}
