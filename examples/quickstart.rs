//! The whole project on one screen: what goes wrong on a TCP stream, and what the library, the
//! server and the client make of it.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! Everything printed is real: bytes that went through a socket on this machine, a command that ran,
//! a file that was downloaded. Everything is compared with what it should be, and the first
//! difference ends the program with an error.

use std::error::Error;
use std::fmt::{Arguments, Debug};
use std::io::{self, IsTerminal, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use framing::{Config, DecodeError, Decoder, Length};
use framing_client::{Session, Target};
use framing_protocol::message::{Command, Exec, Outcome, Text};
use framing_server::{ExecPolicy, Options, Server, Supervisor, supervise_if_asked};
use framing_transport::Dirs;

fn main() -> ExitCode {
    // The server below starts this program once more to watch over a command.
    supervise_if_asked();
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = if io::stdout().is_terminal() && !plain { Style::Colour } else { Style::Plain };
    match show(&mut Screen { out: io::stdout(), style }, Supervisor::own()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All five parts, in the order in which they explain each other.
pub(crate) fn show(screen: &mut Screen<impl Write>, supervisor: Option<Supervisor>) -> Shown {
    the_problem(screen)?;
    the_cure(screen)?;

    let root = tempfile::tempdir()?;
    let content: Vec<u8> = (0..SIZE / 8).flat_map(|n| (n * n * n).to_le_bytes()).collect();
    fs::write(root.path().join(FILE), &content)?;
    // Both sides have keys: in the home directory, if it were not for this one.
    let keys = tempfile::tempdir()?;
    let dirs = Dirs::within(keys.path().join("keys"));
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".into()],
        root: Some(root.path().into()),
        exec: ExecPolicy { any: true, ..ExecPolicy::default() },
        // What watches over commands: this program, started once more.
        supervisor,
        ..Options::new(dirs.clone())
    })?;
    let running = server.spawn()?;
    let address = running.addresses()[0].to_string();
    let mut session = Session::connect(&Target::new(address, dirs))?;

    messages(screen, &mut session)?;
    a_command(screen, &mut session)?;
    a_file(screen, &mut session, &content)?;
    running.stop()?;
    screen.note("All of it was compared with what it should be.")
}

/// Two causes, one symptom: `recv` does not give what one `send` was given.
fn the_problem(screen: &mut Screen<impl Write>) -> Shown {
    screen.title("The problem: TCP carries bytes, not messages")?;
    let (mut here, mut there) = connected()?;

    for message in MESSAGES {
        here.write_all(message.as_bytes())?;
        screen.line("send", format_args!("{message:?}"))?;
    }
    let lump = MESSAGES.concat();
    let received = recv(&mut there, 1024, lump.len())?;
    screen.compare("recv(1024)", &text(&received), &lump)?;
    screen.note("Small sends coalesce: three messages, one lump, and no seam in it.")?;

    let (answer, next) = ("x".repeat(1500), "the next answer");
    here.write_all([&answer, next].concat().as_bytes())?;
    let first = recv(&mut there, 1024, answer.len() + next.len())?;
    let second = recv(&mut there, 1024, answer.len() + next.len() - first.len())?;
    screen.line("send", format_args!("1500 times 'x'"))?;
    screen.line("send", format_args!("{next:?}"))?;
    screen.line("recv(1024)", format_args!("{}", tally(&first)))?;
    screen.line("recv(1024)", format_args!("{}", tally(&second)))?;
    same("a short recv", &*tally(&first), "1024 times 'x'")?;
    same("the recv after it", &*tally(&second), "476 times 'x', then \"the next answer\"")?;
    screen.note("A short recv leaves the rest, which is then taken for the next answer.")
}

/// A length before each message, and a decoder that does not care where the bytes are cut.
fn the_cure(screen: &mut Screen<impl Write>) -> Shown {
    screen.title("The cure: every message says how long it is")?;
    let mut wire = Vec::new();
    let encoder = Config::new(Length::u32_be()).encoder()?;
    for message in MESSAGES {
        encoder.append(&[], &[message.as_bytes()], &mut wire)?;
    }
    screen.line("bytes", format_args!("{}", wire.escape_ascii()))?;

    screen.compare("one lump", &decode([&wire[..]])?[..], &MESSAGES)?;
    for cut in 0..=wire.len() {
        let (left, right) = wire.split_at(cut);
        same("cut in two", &decode([left, right])?[..], &MESSAGES)?;
    }
    screen.line("cut in two", format_args!("the same, at each of {} places", wire.len() + 1))?;
    same("byte by byte", &decode(wire.chunks(1))?[..], &MESSAGES)?;
    screen.line("byte by byte", format_args!("the same, out of {} pieces", wire.len()))?;
    screen.note("However the bytes arrive: the three messages that were sent.")
}

/// The four lines that everybody who receives frames writes.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, DecodeError> {
    let mut decoder = Decoder::new(Length::u32_be());
    let mut messages = Vec::new();
    for mut chunk in chunks {
        while let Some(frame) = decoder.next(&mut chunk)? {
            messages.push(text(&frame.payload()));
        }
    }
    Ok(messages)
}

/// Whole messages to a server and back, over one connection.
fn messages(screen: &mut Screen<impl Write>, session: &mut Session) -> Shown {
    screen.title("Messages: a server that answers in upper case")?;
    for (message, expected) in [("hello", "HELLO"), ("", ""), ("grüße, 你好", "GRÜSSE, 你好")]
    {
        let answer = session.upper(message.as_bytes())?;
        screen.line("send", format_args!("{message:?}"))?;
        screen.compare("answer", &text(&answer), expected)?;
    }
    screen.note("The empty message is a message too, and nobody waits for ever.")
}

/// A command at the server: two streams that stay apart, and an exit code.
fn a_command(screen: &mut Screen<impl Write>, session: &mut Session) -> Shown {
    screen.title("Commands: they run there as if they ran here")?;
    let argv = ["sh", "-c", "echo all is well; echo or is it >&2; exit 7"];
    let exec = Exec::new(Command::Argv(argv.map(Text::from).to_vec()));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = session.exec(&exec, &mut out, &mut err)?;
    screen.line("run", format_args!("{argv:?}"))?;
    screen.compare("stdout", &text(&out), "all is well\n")?;
    screen.compare("stderr", &text(&err), "or is it\n")?;
    screen.compare("end", &exit.outcome, &Outcome::Exited { code: 7 })
}

/// A download, which is an error unless its digest is the one that the server computed.
fn a_file(screen: &mut Screen<impl Write>, session: &mut Session, content: &[u8]) -> Shown {
    screen.title("Files: whole and checked, or not at all")?;
    let mut received = Vec::new();
    let start = Instant::now();
    let file = session.get(&FILE.into())?.write_to(&mut received)?;
    screen.line("file", format_args!("{FILE:?}, after {} ms", start.elapsed().as_millis()))?;
    screen.compare("bytes", &file.total_size, &SIZE)?;
    let (came, was) = (blake3::hash(&received).to_hex(), blake3::hash(content).to_hex());
    screen.compare("BLAKE3", came.as_str(), was.as_str())?;
    same("every byte of the file", &(received == content), &true)
}

/// Two ends of a TCP connection on this machine.
fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    Ok((here, listener.accept()?.0))
}

/// One `recv` of up to `size` bytes once all `sent` bytes have arrived: what happens to a receiver
/// that was busy for a moment, without leaving it to chance.
fn recv(stream: &mut TcpStream, size: usize, sent: usize) -> io::Result<Vec<u8>> {
    while stream.peek(&mut vec![0; sent])? < sent {}
    let mut buffer = vec![0; size];
    let received = stream.read(&mut buffer)?;
    buffer.truncate(received);
    Ok(buffer)
}

/// Says how many times 'x' a text begins with, and what follows if anything does.
fn tally(bytes: &[u8]) -> String {
    let text = text(bytes);
    let rest = text.trim_start_matches('x');
    let then = if rest.is_empty() { String::new() } else { format!(", then {rest:?}") };
    format!("{} times 'x'{then}", text.len() - rest.len())
}

/// Ends the program unless what came is what should have come.
fn same<A, B>(what: &str, came: &A, expected: &B) -> Shown
where
    A: PartialEq<B> + Debug + ?Sized,
    B: Debug + ?Sized,
{
    if came == expected {
        return Ok(());
    }
    Err(format!("{what}: {came:?} came, {expected:?} was expected").into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where it is shown.
pub(crate) struct Screen<W> {
    pub(crate) out: W,
    pub(crate) style: Style,
}

/// How titles stand out.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Plain,
    Colour,
}

impl<W: Write> Screen<W> {
    fn title(&mut self, title: &str) -> Shown {
        Ok(match self.style {
            Style::Plain => writeln!(self.out, "\n{title}\n{}", "-".repeat(title.len())),
            Style::Colour => writeln!(self.out, "\n\x1b[1m{title}\x1b[0m"),
        }?)
    }

    fn line(&mut self, what: &str, shown: Arguments<'_>) -> Shown {
        Ok(writeln!(self.out, "  {what:<14}{shown}")?)
    }

    /// Shows what came, and sees to it that it is what should have come.
    fn compare<A, B>(&mut self, what: &str, came: &A, expected: &B) -> Shown
    where
        A: PartialEq<B> + Debug + ?Sized,
        B: Debug + ?Sized,
    {
        self.line(what, format_args!("{came:?}"))?;
        same(what, came, expected)
    }

    fn note(&mut self, note: &str) -> Shown {
        Ok(writeln!(self.out, "  => {note}")?)
    }
}

type Shown = Result<(), Box<dyn Error>>;

const MESSAGES: [&str; 3] = ["hello", "你好", "bye"];
const FILE: &str = "a file, 一个文件.bin";
const SIZE: u64 = 5 << 20;
