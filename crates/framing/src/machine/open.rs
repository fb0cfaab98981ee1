//! The payload has begun, and only its end will tell its length.

use super::decide::Decision;
use super::seal::Streamed;
use super::{Body, Fate, Machine, Open, State, Step};
use crate::{DecodeError, Decoded, Framing, Oversize, Scan};

impl<F: Framing> Machine<F> {
    /// What remains of a frame whose end was found after `length` more payload bytes. Where events
    /// go past the limit, they give the bytes up to it first.
    pub(super) fn until(
        &mut self,
        head: Option<usize>,
        length: usize,
        trailer: usize,
    ) -> Result<Body, DecodeError> {
        let (length, room) = (length as u64, self.room());
        let past = self.frame.fate == Fate::Stream
            && length > room
            && matches!(self.oversize, Oversize::Error | Oversize::Skip);
        let (keep, extra) =
            if past { (room, length.saturating_sub(room)) } else { self.divide(length)? };
        self.framing.framed(&[]);
        Ok(Body { head, keep, extra, trailer, more: false, past })
    }

    /// The payload's end is not in sight.
    pub(super) fn open(&mut self, pending: &[u8], mut open: Open, eof: bool) -> Decision {
        self.state = State::Open(open);
        let lead = match open.head.take() {
            Some(head) if self.frame.fate == Fate::Stream => {
                self.state = State::Open(open);
                self.frame.pass(head);
                return Ok(self.begin(head));
            }
            Some(head) => {
                self.frame.head = head;
                head
            }
            None => 0,
        };
        let transforms = self.framing.transforms();
        if transforms && lead > 0 {
            return Err(self.broken("an encoded payload has a head"));
        }
        if open.certain == 0 && open.coded == 0 {
            if pending.is_empty() && !eof {
                return Ok(Step::Wait(1));
            }
            match self.framing.resume(pending, eof) {
                Ok(Scan::Open { head: 0, safe }) if safe <= pending.len() => {
                    open = Open::new(0, safe, transforms);
                    open.head = None;
                }
                Ok(Scan::Until { payload, total })
                    if payload.start == 0 && payload.end <= total && total <= pending.len() =>
                {
                    if transforms && payload.end > 0 {
                        return Ok(self.decode_next(payload.end, open));
                    }
                    self.coded_end()?;
                    let trailer = total.saturating_sub(payload.end);
                    let body = self.until(None, payload.end, trailer)?;
                    return self.body(pending, body);
                }
                Ok(_) => return Err(self.broken("its resume forgot that the payload had begun")),
                Err(fault) => {
                    let certain = self.certain_before(&fault, pending)?;
                    if certain == 0 || (!transforms && self.frame.fate != Fate::Stream) {
                        return Err(self.malformed(&fault));
                    }
                    open = Open::new(0, certain, transforms);
                    open.head = None;
                }
            }
            if open.certain == 0 && open.coded == 0 {
                return self.hold_back(pending);
            }
        }
        if open.coded > 0 {
            // A caller may show fewer bytes than were scanned.
            return Ok(match open.coded.min(pending.len()) {
                0 => Step::Wait(1),
                n => self.decode_next(n, open),
            });
        }
        self.certain(pending, lead, open)
    }

    /// Deals with payload bytes before whose end no frame ends. A caller may show fewer of them
    /// than were scanned.
    fn certain(&mut self, pending: &[u8], lead: usize, mut open: Open) -> Decision {
        let n = open.certain.min(pending.len().saturating_sub(lead));
        if n == 0 {
            self.state = State::Open(open);
            return Ok(Step::Wait(1));
        }
        let room = usize::try_from(self.room()).unwrap_or(usize::MAX);
        let take = match self.frame.fate {
            Fate::Skip | Fate::Drop => 0,
            Fate::Whole | Fate::Stream if n <= room => n,
            Fate::Whole | Fate::Stream => match self.oversize {
                Oversize::Truncate => room,
                _ if self.frame.fate == Fate::Stream && room > 0 => room,
                Oversize::Error | Oversize::Stream => {
                    self.frame.past = lead.saturating_add(n);
                    return Err(self.fail_too_long());
                }
                Oversize::Skip => {
                    self.begin_skip();
                    self.frame.pass(lead);
                    self.state = State::Open(open);
                    // What is kept of it is forgotten next.
                    return Ok(Step::Drop(lead));
                }
            },
        };
        if self.frame.fate == Fate::Stream && take > 0 {
            let Streamed { step, used } = self.stream_payload(pending, take);
            open.certain = open.certain.saturating_sub(used);
            self.state = State::Open(open);
            return Ok(step);
        }
        open.certain = open.certain.saturating_sub(take);
        let keep = lead.saturating_add(take);
        if self.frame.fate == Fate::Whole && keep > 0 {
            self.state = State::Open(open);
            return Ok(self.keep(pending, lead, keep));
        }
        open.certain = open.certain.saturating_sub(n);
        Ok(self.discard(n, State::Open(open)))
    }

    /// The next `n` pending bytes are to be decoded.
    fn decode_next(&mut self, n: usize, mut open: Open) -> Step {
        open.coded = open.coded.saturating_sub(n);
        self.state = State::Open(open);
        Step::Decode(n)
    }

    /// Decodes the bytes that [`Step::Decode`] named.
    pub(crate) fn decode(&mut self, coded: &mut [u8]) -> Decoded {
        let total = coded.len();
        let decoded = self.framing.decode(&mut self.frame.carry, coded);
        match (decoded, &mut self.state) {
            (Ok(decoded), State::Open(open))
                if (1..=total).contains(&decoded.read)
                    && decoded.plain.start <= decoded.plain.end
                    && decoded.plain.end <= decoded.read =>
            {
                // Those not read are looked at again.
                open.coded = 0;
                open.certain = decoded.plain.len();
                self.frame.decoded = true;
                self.frame.pass(decoded.read.saturating_sub(decoded.plain.len()));
                return decoded;
            }
            (Err(fault), _) => drop(self.malformed(&fault)),
            _ => drop(self.broken("what it decoded is not within the bytes it was given")),
        }
        Decoded { read: 0, plain: 0..0 }
    }

    /// An encoded payload has ended.
    fn coded_end(&mut self) -> Result<(), DecodeError> {
        if !self.framing.transforms() {
            return Ok(());
        }
        let ended = self.framing.decode(&mut self.frame.carry, &mut []);
        ended.map(|_| ()).map_err(|fault| self.malformed(&fault))
    }
}

impl Open {
    /// So many bytes behind the head are payload.
    pub(super) const fn new(head: usize, payload: usize, transforms: bool) -> Self {
        let (coded, certain) = if transforms { (payload, 0) } else { (0, payload) };
        Self { head: Some(head), coded, certain }
    }
}
