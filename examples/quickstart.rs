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
use framing_client::Session;
use framing_protocol::message::{Command, Exec, Outcome, Text};
use framing_server::{ExecPolicy, Options, Server};

fn main() -> ExitCode {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = if io::stdout().is_terminal() && !plain { Style::Colour } else { Style::Plain };
    match show(&mut Screen { out: io::stdout(), style }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All five parts, in the order in which they explain each other.
pub(crate) fn show(screen: &mut Screen<impl Write>) -> Shown {
    the_problem(screen)?;
    the_cure(screen)?;

    let root = tempfile::tempdir()?;
    let content: Vec<u8> = (0..SIZE / 8).flat_map(|n| (n * n * n).to_le_bytes()).collect();
    fs::write(root.path().join(FILE), &content)?;
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".into()],
        root: Some(root.path().into()),
        exec: ExecPolicy { any: true, ..ExecPolicy::default() },
        ..Options::default()
    })?
    .spawn()?;
    let mut session = Session::connect(&server.addresses()[0].to_string())?;

    messages(screen, &mut session)?;
    a_command(screen, &mut session)?;
    a_file(screen, &mut session, &content)?;
    server.stop()?;
    screen.note("All of it was as it should be.")
}

/// Two causes, one symptom: `recv` does not give what one `send` was given.
fn the_problem(screen: &mut Screen<impl Write>) -> Shown {
    screen.title("The problem: TCP carries bytes, not messages")?;

    let (mut sender, mut receiver) = connected()?;
    for message in MESSAGES {
        sender.write_all(message.as_bytes())?;
    }
    let received = recv(&mut receiver, MESSAGES.concat().len(), 1024)?;
    screen.line("send", format_args!("{MESSAGES:?}, three times a few bytes"))?;
    screen.line("recv(1024)", format_args!("{:?}", text(&received)))?;
    screen.note("Small sends coalesce: three messages, one lump, no seam.")?;
    same("three sends in one recv", &text(&received), &MESSAGES.concat())?;

    let answers = [&"x".repeat(1500), "done"].concat();
    sender.write_all(answers.as_bytes())?;
    let first = recv(&mut receiver, answers.len(), 1024)?;
    let second = recv(&mut receiver, answers.len() - first.len(), 1024)?;
    screen.line(
        "send",
        format_args!("an answer of 1500 times 'x', then the next answer: \"done\""),
    )?;
    screen.line("recv(1024)", format_args!("{} times 'x'", first.len()))?;
    screen
        .line("recv(1024)", format_args!("{} times 'x', then {:?}", 476, text(&second[476..])))?;
    screen.note("A short recv leaves the rest, and the rest is taken for the next answer.")?;
    same("what a short recv takes", &text(&first), &"x".repeat(1024))?;
    same("what it leaves", &text(&second), &["x".repeat(476).as_str(), "done"].concat())
}

/// A length before each message, and a decoder that does not care how the bytes are cut.
fn the_cure(screen: &mut Screen<impl Write>) -> Shown {
    screen.title("The cure: every message says how long it is")?;

    let encoder = Config::new(Length::u32_be()).encoder()?;
    let mut wire = Vec::new();
    for message in MESSAGES {
        encoder.append(&[], &[message.as_bytes()], &mut wire)?;
    }
    screen.line("on the wire", format_args!("{}", wire.escape_ascii()))?;

    same("at once", &decode([&wire[..]])?, &MESSAGES.map(String::from).to_vec())?;
    screen.line("at once", format_args!("{:?}", decode([&wire[..]])?))?;
    for cut in 0..=wire.len() {
        let (left, right) = wire.split_at(cut);
        same("cut in two", &decode([left, right])?, &decode([&wire[..]])?)?;
    }
    screen.line(
        "cut in two",
        format_args!("the same three, at each of the {} places", wire.len() + 1),
    )?;
    same("byte by byte", &decode(wire.chunks(1))?, &decode([&wire[..]])?)?;
    screen.line("byte by byte", format_args!("the same three, out of {} chunks", wire.len()))
}

/// Whole messages to a server and back, over one connection.
fn messages(screen: &mut Screen<impl Write>, session: &mut Session) -> Shown {
    screen.title("Messages: a server that answers in upper case")?;
    for (message, expected) in [("hello", "HELLO"), ("", ""), ("grüße, 你好", "GRÜSSE, 你好")]
    {
        let answer = text(&session.upper(message.as_bytes())?);
        screen.line("send", format_args!("{message:?}"))?;
        screen.line("answer", format_args!("{answer:?}"))?;
        same("the upper case", &answer, expected)?;
    }
    screen.note("The empty message is a message too, and nobody waits for ever.")
}

/// A command at the server: two streams that stay apart, and an exit code.
fn a_command(screen: &mut Screen<impl Write>, session: &mut Session) -> Shown {
    screen.title("Commands: what runs there, as if it ran here")?;
    let argv = ["sh", "-c", "echo all is well; echo or is it >&2; exit 7"];
    let command = Command::Argv(argv.map(Text::from).to_vec());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = session.exec(&Exec::new(command), &mut out, &mut err)?;
    screen.line("run", format_args!("{argv:?}"))?;
    screen.line("stdout", format_args!("{:?}", text(&out)))?;
    screen.line("stderr", format_args!("{:?}", text(&err)))?;
    screen.line("end", format_args!("{:?}", exit.outcome))?;
    same("standard output", &*text(&out), "all is well\n")?;
    same("standard error", &*text(&err), "or is it\n")?;
    same("the outcome", &exit.outcome, &Outcome::Exited { code: 7 })
}

/// A download, which is an error unless its digest is the one that the server computed.
fn a_file(screen: &mut Screen<impl Write>, session: &mut Session, content: &[u8]) -> Shown {
    screen.title("Files: whole and checked, or not at all")?;
    let mut received = Vec::new();
    let start = Instant::now();
    let file = session.get(&FILE.into())?.write_to(&mut received)?;
    let milliseconds = start.elapsed().as_millis();
    screen.line("file", format_args!("{:?}, {} MiB", FILE, file.total_size >> 20))?;
    screen.line("arrived in", format_args!("{milliseconds} ms"))?;
    screen.line("BLAKE3", format_args!("{}", blake3::hash(&received)))?;
    same("the size", &file.total_size, &SIZE)?;
    same("the digest", &blake3::hash(&received), &blake3::hash(content))?;
    same("every byte of the file", &(received == content), &true)
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

/// Two ends of a TCP connection on this machine.
fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    Ok((sender, listener.accept()?.0))
}

/// One `recv` of up to `size` bytes, after all `sent` bytes have arrived: what a busy or a slow
/// receiver sees, without leaving it to chance.
fn recv(stream: &mut TcpStream, sent: usize, size: usize) -> io::Result<Vec<u8>> {
    while stream.peek(&mut vec![0; sent])? < sent {}
    let mut buffer = vec![0; size];
    let received = stream.read(&mut buffer)?;
    buffer.truncate(received);
    Ok(buffer)
}

/// Ends the program unless what came is what should have come.
fn same<T: PartialEq + Debug + ?Sized>(what: &str, came: &T, expected: &T) -> Shown {
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

#[derive(Clone, Copy)]
pub(crate) enum Style {
    Plain,
    Colour,
}

impl<W: Write> Screen<W> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        match self.style {
            Style::Plain => writeln!(self.out, "\n{title}\n{}", "-".repeat(title.len())),
            Style::Colour => writeln!(self.out, "\n\x1b[1m{title}\x1b[0m"),
        }
    }

    fn line(&mut self, what: &str, shown: Arguments<'_>) -> Shown {
        Ok(writeln!(self.out, "  {what:<13}{shown}")?)
    }

    fn note(&mut self, note: &str) -> Shown {
        Ok(writeln!(self.out, "  => {note}")?)
    }
}

type Shown = Result<(), Box<dyn Error>>;

const MESSAGES: [&str; 3] = ["hello", "你好", "bye"];
const FILE: &str = "a file, 一个文件.bin";
const SIZE: u64 = 5 << 20;
