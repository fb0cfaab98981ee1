//! `FrameReader` and `FrameWriter` over readers and writers that are interrupted, that would block,
//! and that take or give a little at a time.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use framing::{
    Config, DecodeErrorKind, EncodeError, Event, FrameReader, FrameWriter, Length, Lines, Oversize,
    ReadError, WriteError,
};
use proptest::prelude::*;

/// What one call of a reader or writer does.
#[derive(Clone, Copy, Debug)]
enum Call {
    Interrupted,
    Blocked,
    /// At most so many bytes.
    Some(usize),
}

struct Scripted<'s> {
    calls: std::iter::Cycle<std::slice::Iter<'s, Call>>,
    /// What is still to be read.
    rest: &'s [u8],
    written: Vec<u8>,
    vectored: usize,
}

impl<'s> Scripted<'s> {
    fn new(calls: &'s [Call], rest: &'s [u8]) -> Self {
        Self { calls: calls.iter().cycle(), rest, written: Vec::new(), vectored: 0 }
    }

    fn call(&mut self) -> io::Result<usize> {
        match self.calls.next().unwrap() {
            Call::Interrupted => Err(ErrorKind::Interrupted.into()),
            Call::Blocked => Err(ErrorKind::WouldBlock.into()),
            Call::Some(n) => Ok(*n),
        }
    }
}

impl Read for Scripted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.call()?;
        let n = most.min(buf.len());
        (&self.rest[..n.min(self.rest.len())]).read(buf).inspect(|&n| self.rest = &self.rest[n..])
    }
}

impl Write for Scripted<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.call()?.min(buf.len());
        self.written.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.vectored += 1;
        let most = self.call()?;
        let before = self.written.len();
        let bytes = bufs.iter().flat_map(|buf| buf.iter()).take(most);
        self.written.extend(bytes);
        Ok(self.written.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        1 => Just(Call::Interrupted),
        1 => Just(Call::Blocked),
        4 => (1_usize..20).prop_map(Call::Some),
        1 => (1_usize..20_000).prop_map(Call::Some),
    ];
    prop::collection::vec(call, 0..12).prop_map(|mut calls| {
        // So that every script gets somewhere.
        calls.push(Call::Some(7));
        calls
    })
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = prop_oneof![4 => 0_usize..100, 1 => 12_000_usize..20_000];
    prop::collection::vec((size, any::<u8>()).prop_map(|(n, byte)| vec![byte; n]), 0..8)
}

fn wire(payloads: &[Vec<u8>]) -> Vec<u8> {
    let encoder = framing::Encoder::new(Length::u32_be());
    let mut wire = Vec::new();
    for payload in payloads {
        encoder.append(&[], &[payload], &mut wire).unwrap();
    }
    wire
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

proptest! {
    #[test]
    fn what_was_sent_is_read_whatever_the_calls_do(calls in calls(), payloads in payloads()) {
        let wire = wire(&payloads);
        let mut reader = FrameReader::new(Scripted::new(&calls, &wire), Length::u32_be());
        let mut got = Vec::new();
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => got.push(frame.payload().to_vec()),
                Ok(None) => break,
                Err(ReadError::Io(error)) if would_block(&error) => {}
                Err(error) => panic!("{error}"),
            }
        }
        prop_assert_eq!(&got, &payloads);
        prop_assert!(reader.next_frame().is_ok_and(|frame| frame.is_none()));

        let reader = FrameReader::new(Scripted::new(&calls, &wire), Length::u32_be());
        let blocked = |payload: &Result<_, ReadError>| matches!(payload, Err(ReadError::Io(_)));
        let got: Result<Vec<_>, _> = reader.payloads().filter(|item| !blocked(item)).collect();
        prop_assert_eq!(got.unwrap(), payloads);
    }

    #[test]
    fn events_are_read_whatever_the_calls_do(calls in calls(), payloads in payloads()) {
        let wire = wire(&payloads);
        let mut reader = FrameReader::new(Scripted::new(&calls, &wire), Length::u32_be());
        let mut got: Vec<Vec<u8>> = Vec::new();
        loop {
            match reader.next_event() {
                Ok(Some(Event::Begin { .. })) => got.push(Vec::new()),
                Ok(Some(Event::Chunk(bytes))) => got.last_mut().unwrap().extend_from_slice(&bytes),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(ReadError::Io(error)) if would_block(&error) => {}
                Err(error) => panic!("{error}"),
            }
        }
        prop_assert_eq!(got, payloads);
    }

    #[test]
    fn what_is_sent_is_written_whatever_the_calls_do(calls in calls(), payloads in payloads()) {
        let mut writer = FrameWriter::new(Scripted::new(&calls, &[]), Length::u32_be());
        for payload in &payloads {
            let (front, back) = payload.split_at(payload.len() / 3);
            while let Err(error) = writer.send(&[], &[front, b"", back]) {
                prop_assert!(would_block(&io::Error::from(error)), "too much waits");
            }
        }
        while let Err(error) = writer.flush() {
            prop_assert!(would_block(&error.into()));
        }
        prop_assert_eq!(writer.unsent(), 0);
        prop_assert_eq!(writer.into_inner().written, wire(&payloads));
    }
}

#[test]
fn small_frames_are_written_together_and_large_ones_as_they_lie() {
    let mut writer =
        FrameWriter::new(Scripted::new(&[Call::Some(usize::MAX)], &[]), Length::u32_be());
    for _ in 0..100 {
        writer.send(&[], &[b"small"]).unwrap();
    }
    assert_eq!((writer.inner().written.len(), writer.unsent()), (0, 900));
    writer.send(&[], &[&vec![7; 20_000]]).unwrap();
    assert_eq!((writer.inner().written.len(), writer.unsent()), (900 + 20_004, 0));
    assert_eq!(writer.inner().vectored, 1);
    // A payload of 16 KiB is large, of a byte less it is not.
    writer.send(&[], &[&vec![7; (16 << 10) - 1]]).unwrap();
    assert_eq!((writer.inner().vectored, writer.unsent()), (1, (16 << 10) + 3));
    writer.send(&[], &[&vec![7; 16 << 10]]).unwrap();
    assert_eq!((writer.inner().vectored, writer.unsent()), (2, 0));
}

/// Takes this many bytes, and then no more until it is given more.
struct Slow {
    allowance: usize,
    written: Vec<u8>,
}

impl Write for Slow {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(self.allowance);
        self.allowance -= n;
        self.written.extend_from_slice(&buf[..n]);
        if n == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(n) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_peer_that_reads_slowly_bounds_what_waits_and_loses_nothing() {
    let slow = Slow { allowance: 0, written: Vec::new() };
    let mut writer = FrameWriter::new(slow, Length::u32_be());
    let (mut sent, mut refused) = (Vec::new(), 0);
    let step = if cfg!(miri) { 30 } else { 1 };
    for round in (0..4000_u16).step_by(step) {
        let payload = vec![u8::try_from(round % 251).unwrap(); usize::from(round) % 9000];
        writer.inner().allowance += 1000;
        while let Err(error) = writer.send(&[], &[&payload]) {
            assert!(would_block(&error.into()));
            refused += 1;
            assert!(writer.unsent() >= 64 << 10);
            writer.inner().allowance += 1000;
        }
        sent.push(payload);
        assert!(writer.unsent() < (64 << 10) + 9004, "{}", writer.unsent());
    }
    assert!(refused > 1000 / step, "{refused}");
    writer.inner().allowance = usize::MAX;
    writer.flush().unwrap();
    assert!(writer.into_inner().written == wire(&sent));
}

/// Whatever fails and when: what `send` took is written once, what it refused is not there.
#[test]
fn a_writer_that_fails_and_recovers_loses_nothing_that_was_taken() {
    struct Failing {
        calls: u32,
        turn: u32,
        written: Vec<u8>,
    }
    impl Write for Failing {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls % 4 == self.turn {
                return Err(ErrorKind::TimedOut.into());
            }
            let n = buf.len().min(3000);
            self.written.extend_from_slice(&buf[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for turn in 0..4 {
        let inner = Failing { calls: 0, turn, written: Vec::new() };
        let mut writer = FrameWriter::new(inner, Length::u32_be());
        let (mut taken, mut errors) = (Vec::new(), 0);
        for n in (0..300_usize).step_by(if cfg!(miri) { 3 } else { 1 }) {
            let payload = vec![u8::try_from(n % 256).unwrap(); n * 977 % 9000];
            match writer.send(&[], &[&payload]) {
                Ok(()) => taken.push(payload),
                Err(_) => errors += 1,
            }
        }
        while writer.flush().is_err() {
            errors += 1;
        }
        assert!(errors > 10, "{errors}");
        assert!(writer.into_inner().written == wire(&taken), "turn {turn}");
    }
}

#[test]
fn payloads_end_at_an_error_that_ends_the_reader() {
    struct Reset;
    impl Read for Reset {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
    assert_eq!(FrameReader::new(Reset, Lines::lf()).payloads().count(), 1);
}

#[test]
fn a_frame_that_cannot_be_encoded_changes_nothing() {
    let mut writer = FrameWriter::new(Vec::new(), Lines::lf());
    writer.send(&[], &[b"one"]).unwrap();
    let error = writer.send(&[], &[b"t\nwo"]).unwrap_err();
    assert!(matches!(error, WriteError::Encode(EncodeError::Delimiter { at: 1 })));
    assert_eq!(io::Error::from(error).kind(), ErrorKind::InvalidInput);
    let large = [&[b'x'; 5000][..], b"\n"].concat();
    assert!(writer.send(&[], &[&large]).is_err());
    writer.flush().unwrap();
    assert_eq!(writer.into_inner(), b"one\n");
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_not_a_loop() {
    let mut full = [0; 3];
    let mut writer = FrameWriter::new(&mut full[..], Lines::lf());
    writer.send(&[], &[b"abc"]).unwrap();
    assert!(
        matches!(writer.flush(), Err(WriteError::Io(error)) if error.kind() == ErrorKind::WriteZero)
    );
}

#[test]
fn errors_of_the_peer_come_once_and_end_the_payloads() {
    let mut reader = FrameReader::new(&b"\0\x02hi\0\x05hel"[..], Length::u16_be());
    assert_eq!(&*reader.next_frame().unwrap().unwrap().payload(), b"hi");
    let Err(ReadError::Decode(error)) = reader.next_frame() else { panic!("it is cut short") };
    assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 5 });
    assert_eq!(io::Error::from(ReadError::from(error)).kind(), ErrorKind::InvalidData);

    let config = Config::new(Lines::lf()).max_payload(3).oversize(Oversize::Skip);
    let reader = FrameReader::over(&b"one\nlarge\ntwo\n"[..], config.reassembler().unwrap());
    let items: Vec<_> = reader.payloads().map(Result::ok).collect();
    assert_eq!(items, [Some(b"one".to_vec()), None, Some(b"two".to_vec())]);
    let config = Config::new(Lines::lf()).max_payload(3);
    let reader = FrameReader::over(&b"one\nlarge\ntwo\n"[..], config.reassembler().unwrap());
    assert_eq!(reader.payloads().count(), 2, "nothing follows a fatal error");
}

#[test]
fn the_reader_gives_back_what_was_not_handed_out() {
    let mut reader = FrameReader::new(&b"START\r\nraw bytes"[..], Lines::crlf());
    assert_eq!(&*reader.next_frame().unwrap().unwrap().payload(), b"START");
    let (rest, reassembler) = reader.into_parts();
    assert_eq!([reassembler.unread(), rest].concat(), b"raw bytes");
}

#[test]
fn a_failure_in_mid_frame_is_told_once_by_the_next_call_that_writes() {
    struct Broken {
        broken: bool,
        written: Vec<u8>,
    }
    impl Write for Broken {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if self.broken {
                return Err(ErrorKind::TimedOut.into());
            }
            self.written.extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let payload = vec![7; 20_000];
    let mut writer =
        FrameWriter::new(Broken { broken: true, written: Vec::new() }, Length::u32_be());
    writer.send(&[], &[&payload]).unwrap();
    assert_eq!(writer.unsent(), 20_004, "it was taken");
    writer.inner().broken = false;
    let error = io::Error::from(writer.flush().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    writer.flush().unwrap();
    assert_eq!(writer.into_inner().written, wire(&[payload]));
}

#[test]
fn a_backlog_that_is_just_full_takes_no_more() {
    let slow = Slow { allowance: 0, written: Vec::new() };
    let mut writer = FrameWriter::new(slow, Length::u32_be());
    for _ in 0..64 {
        writer.send(&[], &[&[7; 1020]]).unwrap();
    }
    assert_eq!(writer.unsent(), 64 << 10);
    let error = io::Error::from(writer.send(&[], &[b"one more"]).unwrap_err());
    assert_eq!((error.kind(), writer.unsent()), (ErrorKind::WouldBlock, 64 << 10));
}

#[test]
fn as_an_error_of_the_system_it_keeps_its_kind() {
    let blocked = ReadError::Io(ErrorKind::WouldBlock.into());
    assert_eq!(io::Error::from(blocked).kind(), ErrorKind::WouldBlock);
    let error = FrameReader::new(&b"\x05he"[..], Length::u8()).next_frame().unwrap_err();
    let text = error.to_string();
    let error = io::Error::from(error);
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::InvalidData, text));
}
