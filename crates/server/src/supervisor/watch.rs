//! The life of a supervisor: one command at a time, from its order to the end of the last that came of it.

use super::channel::{Channel, Received};
use super::message::{Bound, Bounds, Ended, Launch, Mode, Order, Report, Status};
use super::tree;
use crate::signal_names;
use framing_transport::{PollFd, PollFlags, poll};
use nix::sys::signal::SigSet;
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpgid, getpid, getpriority_process,
    getrlimit, kill_process, kill_process_group, set_child_subreaper, setpriority_process,
    setrlimit, setsid, wait,
};
use signal_hook::consts::{FORBIDDEN, SIGCHLD};
use signal_hook::{flag, low_level::pipe};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Runs what it is given at the channel, one command after the other, and sees to the end of each.
pub(super) fn serve(mut channel: Channel) -> io::Result<()> {
    let deaths = prepare()?;
    loop {
        match channel.receive()? {
            Received::Message(Order::Launch(launch)) => {
                let again = launch.leaves_no_trace();
                if run(launch, &mut channel, &deaths)? == Rest::Some || !again {
                    return Ok(());
                }
            }
            // To a command that has just ended.
            Received::Message(_) => {}
            Received::Nothing => {
                poll(&mut [PollFd::new(&channel, PollFlags::IN)], None)?;
            }
            Received::End => return Ok(()),
        }
    }
}

/// Gives this process the priority back that commands are to have.
struct Usual(i32);

impl Drop for Usual {
    fn drop(&mut self) {
        let _ = setpriority_process(None, self.0);
    }
}

/// Whether anything is left of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Some,
    None,
}

fn run(launch: Launch, channel: &mut Channel, deaths: &UnixStream) -> io::Result<Rest> {
    let descriptors = channel.take_descriptors();
    if let Err(error) = tree::check() {
        let why = format!("/proc does not say which processes descend from which: {error}");
        channel.send(&Report::Unable(why), &[])?;
        return Ok(Rest::None);
    }
    let spent = tree::ticks_of_the_dead();
    // The command has the usual priority, and the supervisor, where that is allowed, one above all that comes of
    // it: those that are to die must not take all the time there is to fork.
    let usual = getpriority_process(None)?;
    let started = start(&launch, descriptors);
    let _ = setpriority_process(None, HURRY);
    let _usual = Usual(usual);
    let main = match started {
        Ok(main) => main,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error());
            channel.send(&Report::Failed(number), &[])?;
            return Ok(Rest::None);
        }
    };
    let Launch { bounds, grace, mode, .. } = launch;
    let now = Instant::now();
    let due = bounds.time.and_then(|time| now.checked_add(time));
    let count = bounds.cpu.is_some() || bounds.processes.is_some();
    let watch = Watch {
        channel,
        deaths,
        main,
        status: None,
        bounds,
        due,
        grace,
        kill: None,
        count: count.then(|| now + COUNTING),
        spent,
        met: None,
        hurried: false,
    };
    match mode {
        Mode::Attached | Mode::Fed => watch.attached(),
        Mode::Detached => watch.detached(),
    }
}

/// Parts this process from whoever started it, and makes it the one that orphans come to. Gives what is
/// readable when a child has died.
fn prepare() -> io::Result<UnixStream> {
    // A session of its own: no terminal, and no group that its descendants could enter but theirs and this one.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    rustix::thread::set_no_new_privs(true)?;
    std::env::set_current_dir("/")?;
    rustix::thread::set_name(c"supervisor")?;
    // It ends with its work. Whoever ends the server in one go with all that is its ends it by that. And
    // what whoever started the server had ignored is not ignored in commands: a handler is not inherited.
    for (signal, _) in signal_names::NAMES {
        if !FORBIDDEN.contains(&signal.as_raw()) {
            flag::register(signal.as_raw(), Arc::new(AtomicBool::new(false)))?;
        }
    }
    SigSet::empty().thread_set_mask()?;
    let (deaths, told) = UnixStream::pair()?;
    deaths.set_nonblocking(true)?;
    pipe::register(SIGCHLD, told)?;
    Ok(deaths)
}

/// Starts the command, which inherits our limits.
fn start(launch: &Launch, descriptors: Vec<OwnedFd>) -> io::Result<Pid> {
    let os = |text: &framing_protocol::message::Text| OsStr::from_bytes(text.as_bytes()).to_owned();
    let (program, arguments) = launch.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(os(program));
    command.args(arguments.iter().map(os));
    command.envs(launch.env.iter().map(|(name, value)| (name, os(value))));
    command.current_dir(os(&launch.cwd)).process_group(0);
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().map_or_else(Stdio::null, Stdio::from);
    command.stdin(if launch.mode == Mode::Fed { next() } else { Stdio::null() });
    command.stdout(next()).stderr(next());
    if launch.mode == Mode::Detached {
        // Nobody reads what is said here once the server has gone, and a pipe would not close.
        rustix::stdio::dup2_stderr(File::options().write(true).open("/dev/null")?)?;
    }
    bind(&launch.bounds)?;
    // Dropped with `command`, our ends of its pipes do not keep them open.
    Ok(Pid::from_child(&command.spawn()?))
}

/// Sets the limits that are the system's to keep.
fn bind(bounds: &Bounds) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Some(files) = bounds.open_files {
        let current = Some(maximum.map_or(files, |maximum| maximum.min(files)));
        setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    }
    for (resource, limit) in [(Resource::Data, bounds.memory), (Resource::Fsize, bounds.file_size)]
    {
        if limit.is_some() {
            let maximum = getrlimit(resource).maximum;
            let limit = limit.into_iter().chain(maximum).min();
            setrlimit(resource, Rlimit { current: limit, maximum: limit })?;
        }
    }
    Ok(())
}

struct Watch<'c> {
    channel: &'c mut Channel,
    /// Readable when a child has died.
    deaths: &'c UnixStream,
    main: Pid,
    /// Once the command itself has ended.
    status: Option<Status>,
    bounds: Bounds,
    /// When its time is up.
    due: Option<Instant>,
    grace: Duration,
    /// When it is killed, once it was asked to end.
    kill: Option<Instant>,
    /// When its processes are counted next.
    count: Option<Instant>,
    /// Clock ticks that were spent by commands before.
    spent: u64,
    /// The bound that ended it.
    met: Option<Bound>,
    /// Whether there are more dead to be reaped.
    hurried: bool,
}

/// What the server wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    GoOn,
    /// All has to end, for it says so or has gone.
    End,
}

impl Watch<'_> {
    /// Ends everything when the command ends, the server wants it or has gone, and says how it went.
    fn attached(mut self) -> io::Result<Rest> {
        // A server that has gone needs not be told, and is met below.
        let _ = self.tell_pid();
        self.wait_for_end()?;
        let rest = self.sweep();
        let status = self.status.unwrap_or(Status::Signalled(Signal::KILL.as_raw()));
        let _ = self
            .channel
            .send(&Report::Ended(Ended { status, bound: self.met, left: rest == Rest::Some }), &[]);
        Ok(rest)
    }

    fn wait_for_end(&mut self) -> io::Result<()> {
        loop {
            self.reap();
            if self.status.is_some() || self.obey() == Wish::End || !self.is_within_bounds() {
                return Ok(());
            }
            let mut set = [
                PollFd::new(&*self.channel, PollFlags::IN),
                PollFd::new(self.deaths, PollFlags::IN),
            ];
            poll(&mut set, self.patience())?;
        }
    }

    /// Waits until all that came of the command has ended, or meets a bound.
    fn detached(mut self) -> io::Result<Rest> {
        let _ = self.tell_pid();
        while self.reap() == Rest::Some && self.is_within_bounds() {
            poll(&mut [PollFd::new(self.deaths, PollFlags::IN)], self.patience())?;
        }
        Ok(self.sweep())
    }

    fn tell_pid(&self) -> io::Result<()> {
        let pid = self.main.as_raw_pid().unsigned_abs();
        self.channel.send(&Report::Started { pid }, &[])
    }

    /// Kills until there is nobody. Who cannot be killed, for the system does not come back with it, is left
    /// after a while.
    fn sweep(&mut self) -> Rest {
        let until = Instant::now() + SWEEPING;
        let mut pause = Duration::from_millis(1);
        while self.reap() == Rest::Some {
            if Instant::now() >= until {
                return Rest::Some;
            }
            // Among very many dead there is no time to look behind each of them: who lives is a child of ours soon.
            let killing = if self.hurried { Duration::ZERO } else { KILLING };
            tree::kill(getpid(), Instant::now() + killing);
            // They die in their own time.
            let left = if self.hurried { Duration::ZERO } else { pause };
            let _ = poll(&mut [PollFd::new(self.deaths, PollFlags::IN)], Some(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Rest::None
    }

    /// Takes note of children that have died, among them those that others have left behind. For some time and
    /// no longer, for they may die as fast as they are reaped.
    fn reap(&mut self) -> Rest {
        let _ = (&*self.deaths).read(&mut [0; 64]);
        self.hurried = false;
        let until = Instant::now() + REAPING;
        while Instant::now() < until {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.main => self.status = Some(outcome(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Rest::Some,
                Err(_) => return Rest::None,
            }
        }
        self.hurried = true;
        Rest::Some
    }

    /// Does what the server wants, so much at a time: nothing that it says holds up the clock. The same signal
    /// twice is one, as it is for the system.
    fn obey(&mut self) -> Wish {
        let mut signals = Vec::new();
        let mut wish = Wish::GoOn;
        for _ in 0..ORDERS {
            match self.channel.receive() {
                Ok(Received::Message(Order::Signal(number))) => {
                    let signal = Signal::from_named_raw(number);
                    signals.extend(signal.filter(|signal| !signals.contains(signal)));
                }
                Ok(Received::Message(Order::End)) => self.end(),
                Ok(Received::Message(Order::Kill | Order::Launch(_)) | Received::End) | Err(_) => {
                    wish = Wish::End;
                    break;
                }
                Ok(Received::Nothing) => break,
            }
        }
        for signal in signals {
            self.signal(signal);
        }
        wish
    }

    /// To the whole group of the command, whose number is nobody else's while it is not reaped.
    fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // The one error is that nobody is left, which is what most signals are for.
            let _ = kill_process_group(self.main, signal);
            if getpgid(Some(self.main)) != Ok(self.main) {
                // It has left its own group.
                let _ = kill_process(self.main, signal);
            }
        }
    }

    /// Asks the command to end. Who asks again changes nothing.
    fn end(&mut self) {
        if self.kill.is_none() {
            self.signal(Signal::TERM);
            // A stopped process sees nothing but CONT and KILL.
            self.signal(Signal::CONT);
            self.kill = Some(Instant::now() + self.grace);
        }
    }

    /// Looks at the clock and at what the command takes, and says whether it may go on.
    fn is_within_bounds(&mut self) -> bool {
        let now = Instant::now();
        let past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if past(self.kill) {
            return false;
        }
        if past(self.due) {
            self.due = None;
            self.met = self.met.or(Some(Bound::Time));
            self.end();
        }
        if past(self.count) {
            self.count = Some(now + COUNTING);
            let most = self.bounds.processes.unwrap_or(u64::MAX);
            let tree::Count { processes, ticks } = tree::count(most);
            if processes > most {
                self.met = Some(Bound::Processes);
                return false;
            }
            let ticks = ticks.saturating_add(tree::ticks_of_the_dead()).saturating_sub(self.spent);
            let milliseconds =
                ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1);
            if self.bounds.cpu.is_some_and(|most| Duration::from_millis(milliseconds) >= most) {
                self.met = Some(Bound::Cpu);
                return false;
            }
        }
        true
    }

    fn patience(&self) -> Option<Duration> {
        if self.hurried {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let due = [self.kill, self.due, self.count].into_iter().flatten().min();
        due.map(|due| due.saturating_duration_since(now))
    }
}

/// Whatever goes wrong, nothing is left.
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.sweep();
    }
}

fn outcome(status: WaitStatus) -> Status {
    match status.terminating_signal() {
        Some(signal) => Status::Signalled(signal),
        None => Status::Exited(status.exit_status().unwrap_or_default()),
    }
}

/// How often processes are counted: in less time little can be done, and it costs some microseconds.
const COUNTING: Duration = Duration::from_millis(50);

/// For how long the dead are reaped, and how many orders are heard, until the clock is looked at again.
const REAPING: Duration = Duration::from_millis(50);
const ORDERS: usize = 16;

/// How long it is searched for whom to kill until the dead are reaped.
const KILLING: Duration = Duration::from_millis(20);

/// How long it is tried to end what will not end.
const SWEEPING: Duration = Duration::from_secs(10);

/// The priority of whoever watches.
const HURRY: i32 = -20;

/// How long is waited at most until it is looked again who is left.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
