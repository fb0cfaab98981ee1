//! The framings that are tried.

use super::Verdict;
use super::census::Census;
use super::lengths::{Field, Order};
use super::structured::{self, BYTE, Evidence};

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    kind: Kind,
    /// Bits that it takes to name it among all.
    cost: f64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Field(Field),
    Structured(&'static str, Evidence),
}

impl Candidate {
    pub(super) fn spec(&self) -> String {
        match self.kind {
            Kind::Field(field) => field.spec(),
            Kind::Structured(spec, _) => spec.into(),
        }
    }

    pub(super) fn cost(&self) -> f64 {
        self.cost
    }

    /// Parses at most so many frames, and none after those that told nothing for too long.
    pub(super) fn attempt(&self, capture: &[u8], census: &Census, most: u64) -> Verdict {
        match self.kind {
            Kind::Field(field) => field.attempt(capture, census, most),
            Kind::Structured(spec, evidence) => {
                structured::attempt(spec, evidence, capture, census, most)
            }
        }
    }
}

/// All that are tried, the simplest first.
pub(super) fn all(census: &Census) -> Vec<Candidate> {
    let known = known();
    let mut all = structured_ones(census);
    all.extend(known.iter().map(|&field| Kind::Field(field)));
    all.push(Kind::Structured("varint", Evidence::Lengths(1.0)));
    let is_plain = |kind| matches!(kind, Kind::Field(Field { offset: 0, adjust: 0, .. }));
    let cost = |kind| if is_plain(kind) { PLAIN } else { KNOWN };
    let mut all: Vec<_> =
        all.into_iter().map(|kind| Candidate { kind, cost: cost(kind) }).collect();
    for (width, order) in FIELDS {
        for offset in 0..=16 {
            let (own, before) = (i64::from(width), i64::from(offset));
            let mut add = |adjust, cost| {
                let field = Field::new(width, order, offset, adjust);
                if !known.contains(&field) {
                    all.push(Candidate { kind: Kind::Field(field), cost });
                }
            };
            // It counts what follows it, itself too, or the whole frame.
            add(0, REGULAR);
            add(-own, REGULAR);
            if before > 0 {
                add(-own - before, REGULAR);
            }
            // Or not the rest of a head of fixed length. A byte and such a rest lead through any table.
            for more in (1..=16).filter(|_| width > 1) {
                add(more, ODD);
            }
        }
    }
    all
}

fn structured_ones(census: &Census) -> Vec<Kind> {
    let (lines, zeros) = (census.text(b'\n'), census.text(0));
    let mut all = vec![
        ("content-length", Evidence::Head(BYTE)),
        ("content-length,http", Evidence::Head(6.0)),
        ("chunked", Evidence::Chunks),
        ("netstring", Evidence::Head(BYTE)),
        ("envelope", Evidence::Lengths(2.0)),
        ("crlf,strict", Evidence::Delimiter { each: 8.0, end: 16.0, most: 44.0, beside: lines }),
        // Of a zero that ends a frame, the code before it has known.
        ("cobs", Evidence::Delimiter { each: 7.0, end: 8.0, most: f64::INFINITY, beside: 0.0 }),
    ];
    let before = if census.begins_with(0xC0) { BYTE } else { 0.0 };
    all.push(("slip", Evidence::Delimiter { each: 2.0, end: 8.0, most: 64.0, beside: before }));
    for (spec, beside) in [("lines", lines), ("delimiter=0x00", zeros)] {
        if beside > 0.0 {
            all.push((spec, Evidence::Delimiter { each: 3.0, end: 8.0, most: 32.0, beside }));
        }
    }
    all.into_iter().map(|(spec, evidence)| Kind::Structured(spec, evidence)).collect()
}

/// Fields of protocols that are in use, and those that are nothing but a field.
fn known() -> Vec<Field> {
    let plain = FIELDS.map(|(width, order)| Field::new(width, order, 0, 0));
    let (be, le) = (Order::Big, Order::Little);
    let mysql = Field::new(3, le, 0, 1);
    let others = [
        // TLS
        Field::new(2, be, 3, 0),
        // PostgreSQL
        Field::new(4, be, 1, -4),
        // MySQL
        mysql,
        Field { strip: Some(4), ..mysql },
        // HTTP/2
        Field::new(3, be, 0, 6),
        // BGP
        Field::new(2, be, 16, -18),
        // gRPC
        Field::new(4, be, 1, 0),
        // Diameter
        Field::new(3, be, 1, -4),
        // ISO transport over TCP (TPKT)
        Field::new(2, be, 2, -4),
        // MongoDB
        Field::new(4, le, 0, -4),
        // SMPP
        Field::new(4, be, 0, -4),
        // Modbus over TCP
        Field::new(2, be, 4, 0),
        // STUN over TCP
        Field::new(2, be, 2, 16),
        // AMQP 0-9-1
        Field::new(4, be, 3, 1),
        // Cassandra
        Field::new(4, be, 5, 0),
    ];
    plain.into_iter().chain(others).collect()
}

const FIELDS: [(u8, Order); 9] = [
    (4, Order::Big),
    (4, Order::Little),
    (2, Order::Big),
    (2, Order::Little),
    (3, Order::Big),
    (3, Order::Little),
    (8, Order::Big),
    (8, Order::Little),
    (1, Order::Big),
];

// Nine of 2^4, some 26 of 2^7, 450 of 2^12 and 2,200 of 2^15 are less than all together.
const PLAIN: f64 = 4.0;
const KNOWN: f64 = 7.0;
const REGULAR: f64 = 12.0;
const ODD: f64 = 15.0;
