//! A command while it runs: where its output goes, where its input comes from, and who looks after it.
//!
//! ```text
//!            stdin --as much as the server takes--> +---------+
//!  attendant: orders (signals, the end) ----------> | session | <---> server
//!             what happens (started, ended) <------ +---------+
//!                              stdout, stderr <--------'
//! ```

use std::io::{self, IoSliceMut};
use std::os::fd::BorrowedFd;

use framing_protocol::client::Event;
use framing_protocol::message::{Exec, Exit, Id, Stdin};
use rustix::fs::FileType;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{Input, Session, Watch, request_of};
use crate::error::Error;
use crate::output::Sink;

/// What a command is connected to while it [runs](Session::run).
///
/// ```no_run
/// use std::os::fd::AsFd;
///
/// use framing_client::{Attached, Session, Target};
/// use framing_protocol::message::{Command, Exec, Stdin};
/// use framing_transport::Dirs;
///
/// let mut session = Session::connect(&Target::new("127.0.0.1:7878", Dirs::of_user()?))?;
/// let sort = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Argv(vec!["sort".into()])) };
/// let (file, mut sorted, mut complaints) = (std::fs::File::open("names")?, Vec::new(), Vec::new());
/// let attached = Attached {
///     stdout: &mut sorted,
///     stderr: &mut complaints,
///     stdin: Some(file.as_fd()),
///     attendant: &mut (),
/// };
/// println!("{:?}", session.run(&sort, attached)?.outcome);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Attached<'a> {
    /// Takes its standard output as it comes.
    pub stdout: &'a mut dyn Sink,
    /// Takes its standard error as it comes.
    pub stderr: &'a mut dyn Sink,
    /// Where its input is read from, if it was asked to have any ([`Exec::stdin`]); without, its input
    /// is empty. No more is read than the server takes at that time, and all that is read is sent: what
    /// the command leaves is still there for whoever reads next, but for what was on its way. The
    /// descriptor may be shared and stays as it is, blocking if it was.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Who is told what happens, and sends signals.
    pub attendant: &'a mut dyn Attendant,
}

/// Looks after a command while it runs. `()` is one that does nothing.
pub trait Attendant {
    /// The command runs, under this process id at the server. An error calls it off.
    fn started(&mut self, pid: u32) -> io::Result<()> {
        let _ = pid;
        Ok(())
    }

    /// Its input cannot be read any more. The command goes on, and finds the end of its input.
    fn input_failed(&mut self, error: io::Error) {
        let _ = error;
    }

    /// It has ended, or nothing more will be heard of it. What came before may still have to be written,
    /// and there is nothing left to send signals to.
    fn ended(&mut self) {}

    /// A descriptor that is readable once there is an [order](Self::order).
    fn wakes_on(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What is to be done now, until there is nothing. Never waits.
    fn order(&mut self) -> Option<Order> {
        None
    }
}

impl Attendant for () {}

/// What an [`Attendant`] wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Send the command a signal, named without `SIG`. What it makes of it is its own affair.
    Signal(&'static str),
    /// Wait for it no longer: [`Error::Interrupted`]. The server ends it.
    Leave,
}

impl Session {
    /// Runs a command to its end, and meanwhile moves its output and its input and does what its attendant
    /// orders, none of which can hold up the other.
    pub fn run(&mut self, exec: &Exec, mut attached: Attached<'_>) -> Result<Exit, Error> {
        if exec.stdin == Stdin::Null {
            attached.stdin = None;
        }
        let id = self.ask(|machine| machine.exec(exec));
        let result = id.and_then(|id| self.attend(id, &mut attached));
        attached.attendant.ended();
        if let Err(Error::Interrupted | Error::Sink(_) | Error::System(_)) = result {
            return result;
        }
        // What came before the end has come, whatever the end was.
        self.finish(&mut [attached.stdout, attached.stderr])?;
        result
    }

    /// Goes on until the end. One that nobody waits for any more is called off.
    fn attend(&mut self, id: Id, attached: &mut Attached<'_>) -> Result<Exit, Error> {
        let exit = self.relay(id, attached);
        if exit.is_err() {
            // What has ended already is not affected.
            self.give_up(id);
        }
        exit
    }

    fn relay(&mut self, id: Id, attached: &mut Attached<'_>) -> Result<Exit, Error> {
        let mut block = vec![0; if attached.stdin.is_some() { BLOCK } else { 0 }];
        loop {
            while let Some(order) = attached.attendant.order() {
                match order {
                    Order::Signal(name) => self.link.machine().signal(id, name),
                    Order::Leave => return Err(Error::Interrupted),
                }
            }
            // None is fetched while a sink is full, and that in turn stops the reading.
            while !attached.stdout.is_full()
                && !attached.stderr.is_full()
                && let Some(event) = self.poll_event()?
            {
                if let Some(exit) = self.hand_on(id, event, attached)? {
                    return Ok(exit);
                }
            }
            if attached.stdin.is_none() {
                // Said once: what has ended is not ended again.
                self.link.machine().stdin_end(id);
            }
            let capacity = self.capacity(id).min(block.len());
            let Attached { stdout, stderr, stdin, attendant } = &mut *attached;
            let input = stdin.filter(|_| capacity > 0);
            let watch = Watch { input, waker: attendant.wakes_on(), until: None };
            if self.turn(watch, &mut [&mut **stdout, &mut **stderr])? == Input::Ready {
                self.feed(id, attached, &mut block[..capacity]);
            }
        }
    }

    /// Does what an event asks for; gives the end of the command, if it was that. What is still on its way
    /// for an earlier request that was given up is passed over.
    fn hand_on(
        &mut self,
        id: Id,
        event: Event,
        attached: &mut Attached<'_>,
    ) -> Result<Option<Exit>, Error> {
        match event {
            Event::Error { id: failed, failure } if failed == id => {
                return Err(self.failed(failure));
            }
            event if request_of(&event) != Some(id) => {}
            Event::Started { pid, .. } => attached.attendant.started(pid).map_err(Error::Sink)?,
            Event::Stdout { .. } => attached.stdout.put(self.body()).map_err(Error::Sink)?,
            Event::Stderr { .. } => attached.stderr.put(self.body()).map_err(Error::Sink)?,
            Event::Exit { exit, .. } => return Ok(Some(exit)),
            _ => {}
        }
        Ok(None)
    }

    /// How many bytes of input or content can be sent now.
    pub(super) fn capacity(&mut self, id: Id) -> usize {
        let machine = self.link.machine();
        machine.credit(id).min(machine.room())
    }

    /// Reads input once and sends it. `block` is no larger than what can be sent.
    fn feed(&mut self, id: Id, attached: &mut Attached<'_>, block: &mut [u8]) {
        let Some(input) = attached.stdin else { return };
        match read_ready(input, block) {
            Ok(0) => attached.stdin = None,
            Ok(n) => {
                // Refused only once the connection is over, which the next event tells.
                let _ = self.link.machine().stdin(id, &block[..n]);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => {
                attached.stdin = None;
                attached.attendant.input_failed(errno.into());
            }
        }
    }
}

/// Reads what is there. Others may read from the same pipe or terminal, and take it between `poll` and here: so
/// where the system can read without waiting, it does, also from a descriptor that is blocking for the others.
fn read_ready(input: BorrowedFd<'_>, block: &mut [u8]) -> Result<usize, Errno> {
    let at_its_position = u64::MAX;
    let mut blocks = [IoSliceMut::new(block)];
    match preadv2(input, &mut blocks, at_its_position, ReadWriteFlags::NOWAIT) {
        // It cannot, with this kind of descriptor.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::SPIPE) => {
            rustix::io::read(input, block)
        }
        // A file is never waited for, but for its disk.
        Err(Errno::AGAIN) if is_regular(input) => rustix::io::read(input, block),
        read => read,
    }
}

fn is_regular(input: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(input)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// How much input is read at once.
const BLOCK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::os::fd::AsFd;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_another_one_took_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut byte = [0];
        let mut blocks = [IoSliceMut::new(&mut byte)];
        let supported = preadv2(&reader, &mut blocks, u64::MAX, ReadWriteFlags::NOWAIT);
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || {
            let read = read_ready(reader.as_fd(), &mut [0; 8]);
            sender.send((read, reader))
        });
        let read = read.recv_timeout(Duration::from_secs(5));
        // Lets the thread go on systems that have no such way to read from a pipe.
        writer.write_all(b"x").unwrap();
        if supported != Err(Errno::OPNOTSUPP) {
            assert_eq!(read.unwrap().0, Err(Errno::AGAIN));
        }
    }

    #[test]
    fn all_is_read_from_where_the_descriptor_stands() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        file.rewind().unwrap();
        let mut block = [0; 4];
        for expected in [&b"abcd"[..], b"ef", b""] {
            let n = read_ready(file.as_fd(), &mut block).unwrap();
            assert_eq!(&block[..n], expected);
        }
        assert_eq!(file.stream_position().unwrap(), 6);
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(read_ready(null.as_fd(), &mut block), Ok(0));
        let folder = std::fs::File::open("/").unwrap();
        assert_eq!(read_ready(folder.as_fd(), &mut block), Err(Errno::ISDIR));
    }
}
