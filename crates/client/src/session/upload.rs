//! A file on its way to the server.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use framing_protocol::Hasher;
use framing_protocol::client::{Event, Refused};
use framing_protocol::message::{Digest, Held, Id, Put};
use framing_transport::{PollFd, PollFlags, poll};

use super::{Session, Watch};
use crate::error::Error;

/// Gives content, at the speed at which it comes.
///
/// Every [`Read`] is a source that is never waited for, as a file is.
pub trait Source {
    /// Reads what comes next; 0 at the end.
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize>;

    /// The descriptor to be polled for reading before there is something to be read.
    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// When it may be read, if not at once.
    fn opens_at(&self) -> Option<Instant> {
        None
    }
}

impl<R: Read> Source for R {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        Read::read(self, block)
    }
}

impl Session {
    /// Asks to store a file, and returns when the server is ready for it.
    ///
    /// ```no_run
    /// use framing_client::{Session, Target};
    /// use framing_protocol::Hasher;
    /// use framing_protocol::message::Put;
    /// use framing_transport::Dirs;
    ///
    /// let mut session = Session::connect(&Target::new("127.0.0.1:7878", Dirs::of_user()?))?;
    /// let content = b"what is to be stored";
    /// let put = Put { size: Some(content.len() as u64), ..Put::new("notes/today.txt".into()) };
    /// let mut hasher = Hasher::new(put.digest);
    /// let mut upload = session.put(&put)?;
    /// upload.send(0, &mut hasher, &mut &content[..])?;
    /// upload.end(hasher.finish())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put(&mut self, put: &Put) -> Result<Upload<'_>, Error> {
        let id = self.ask(|machine| machine.put(put))?;
        loop {
            if let Event::Ready { held, .. } = self.event_of(id, &mut [])? {
                let (put, state) = (put.clone(), State::Running);
                return Ok(Upload { session: self, id, put, held, state });
            }
        }
    }

    /// Keeps the connection alive while something else is done, and finds out whether the request has failed.
    fn breathe(&mut self, id: Id) -> Result<(), Error> {
        self.patience.check_interrupt()?;
        self.turn(Watch { until: Some(Instant::now()), ..Watch::default() }, &mut [])?;
        self.heed(id)?;
        Ok(())
    }

    /// Why nothing can be said any more: if the connection is over, what it says of that itself.
    fn why(&mut self, id: Id, refused: Refused) -> Error {
        if refused != Refused::Closed {
            return self.refused(refused);
        }
        loop {
            if let Err(error) = self.event_of(id, &mut []) {
                return error;
            }
        }
    }

    /// Heeds what has happened: an error of the request, and whether the server has granted more.
    fn heed(&mut self, id: Id) -> Result<Granted, Error> {
        let mut granted = Granted::Nothing;
        while let Some(event) = self.poll_event()? {
            match event {
                Event::Error { id: failed, failure } if failed == id => {
                    return Err(self.failed(failure));
                }
                Event::Window { id: of } if of == id => granted = Granted::More,
                _ => {}
            }
        }
        Ok(granted)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granted {
    More,
    Nothing,
}

/// A file that the server waits for. Dropping it calls the transfer off.
#[derive(Debug)]
pub struct Upload<'s> {
    session: &'s mut Session,
    id: Id,
    put: Put,
    held: Option<Held>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Ended,
}

impl Upload<'_> {
    /// What the server holds of it already, if it was asked to go on with that.
    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// Compares what the server holds with the beginning of `source`. If that is the same, gives the hasher that has
    /// seen it: what is sent can begin behind it.
    pub fn compare(&mut self, source: &mut dyn Read) -> Result<Option<Hasher>, Error> {
        let Some(Held { offset, prefix }) = self.held else { return Ok(None) };
        let mut hasher = Hasher::new(prefix.kind());
        let (mut left, mut block) = (offset, vec![0; BLOCK]);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            match source.read(&mut block[..most]) {
                Ok(0) => return Ok(None),
                Ok(n) => {
                    hasher.update(&block[..n]);
                    left -= n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Source(error)),
            }
            self.session.breathe(self.id)?;
        }
        Ok((hasher.finish() == prefix).then_some(hasher))
    }

    /// Sends what `source` gives: what is missing of the size that was announced, or all there is. It begins at `offset`,
    /// 0 or where ends what the server holds; `hasher` has seen what is before, and sees what is sent.
    pub fn send(
        &mut self,
        offset: u64,
        hasher: &mut Hasher,
        source: &mut dyn Source,
    ) -> Result<(), Error> {
        let Self { session, id, put, .. } = self;
        let id = *id;
        if let Err(refused) = session.link.machine().begin(id, offset) {
            return Err(session.why(id, refused));
        }
        let mut left = put.size.map(|size| size.saturating_sub(offset));
        let mut block = Block { bytes: vec![0; BLOCK], sent: 0, end: 0 };
        let patience = session.patience.clone();
        let mut silent = Instant::now();
        loop {
            patience.check_interrupt()?;
            if session.heed(id)? == Granted::More {
                silent = Instant::now();
            }
            if block.is_empty() && left == Some(0) {
                return Ok(());
            }
            if block.is_empty() && session.capacity(id) > 0 && is_ready(source)? {
                let most = left.map_or(BLOCK, |left| usize::try_from(left).unwrap_or(BLOCK));
                match (block.fill(most, source).map_err(Error::Source)?, left) {
                    (Some(0), None) => return Ok(()),
                    (Some(0), Some(_)) => return Err(Error::Changed),
                    (Some(n), _) => left = left.map(|left| left.saturating_sub(n as u64)),
                    (None, _) => {}
                }
                hasher.update(block.waiting());
                // It is not the server that was waited for.
                silent = Instant::now();
            }
            match session.link.machine().data(id, block.waiting()) {
                Ok(sent) => block.sent += sent,
                Err(refused) => return Err(session.why(id, refused)),
            }
            // What is written may make room for more.
            session.link.flush();
            if block.is_empty() && left == Some(0) {
                continue;
            }
            let mut watch = Watch { waker: patience.waker(), ..Watch::default() };
            if session.capacity(id) == 0 {
                watch.until = patience.end(silent)?;
            } else if !block.is_empty() {
                watch.until = Some(Instant::now());
            } else {
                watch.input = source.waits_for();
                let opens = source.opens_at();
                watch.until =
                    if watch.input.is_none() { opens.or(Some(Instant::now())) } else { opens };
            }
            session.turn(watch, &mut [])?;
        }
    }

    /// All was sent: tells the digest of the whole, and waits until the file is there.
    pub fn end(mut self, digest: Digest) -> Result<(), Error> {
        let Self { session, id, .. } = &mut self;
        if let Err(refused) = session.link.machine().file_end(*id, digest) {
            return Err(session.why(*id, refused));
        }
        // However long its disk takes: that it is there, its pings say.
        let stall = session.patience.stall.take();
        let stored = loop {
            match session.event_of(*id, &mut []) {
                Ok(Event::Stored { .. }) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        session.patience.stall = stall;
        if stored.is_ok() {
            self.state = State::Ended;
        }
        stored
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.state == State::Running {
            self.session.give_up(self.id);
        }
    }
}

/// What was read and not sent yet.
struct Block {
    bytes: Vec<u8>,
    sent: usize,
    end: usize,
}

impl Block {
    fn is_empty(&self) -> bool {
        self.sent == self.end
    }

    fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..self.end]
    }

    /// Reads once, up to `most`: how much there was, 0 at the end; none if there may be something later.
    fn fill(&mut self, most: usize, source: &mut dyn Source) -> io::Result<Option<usize>> {
        let most = most.min(self.bytes.len());
        (self.sent, self.end) = (0, 0);
        match source.read(&mut self.bytes[..most]) {
            Ok(n) => {
                self.end = n;
                Ok(Some(n))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether it can be read without waiting.
fn is_ready(source: &dyn Source) -> Result<bool, Error> {
    if source.opens_at().is_some_and(|opens| opens > Instant::now()) {
        return Ok(false);
    }
    let Some(descriptor) = source.waits_for() else { return Ok(true) };
    let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    Ok(poll(&mut polled, Some(std::time::Duration::ZERO))? > 0)
}

/// How much is read at once: the largest body that the protocol allows.
const BLOCK: usize = 256 * 1024;
