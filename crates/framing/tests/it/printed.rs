//! What values print of themselves: names that logs can count on, and never a payload.

use framing::{
    BigEndian, Config, DecodeErrorKind, Decoder, EmbeddedReader, EmbeddedWriter, Encoder, Event,
    FrameCodec, FrameReader, FrameWriter, Length, LengthBuilder, Reassembler,
};

#[test]
fn the_names_of_errors_do_not_change() {
    use DecodeErrorKind as Kind;
    for (kind, name) in [
        (Kind::HeadTooLong { limit: 1 }, "head_too_long"),
        (Kind::TooLong { declared: None, limit: 1 }, "too_long"),
        (Kind::TrailerTooLong { limit: 1 }, "trailer_too_long"),
        (Kind::TooManyParts { limit: 1 }, "too_many_parts"),
        (Kind::Skipped { declared: None, discarded: 1, limit: 1 }, "skipped"),
        (Kind::Resynced { discarded: 1 }, "resynced"),
        (Kind::OutOfSync { limit: 1 }, "out_of_sync"),
        (Kind::Checksum, "checksum"),
        (Kind::Truncated { received: 1 }, "truncated"),
        (Kind::Malformed("why"), "malformed"),
        (Kind::BrokenFraming("how"), "broken_framing"),
    ] {
        assert_eq!(kind.name(), name);
    }
}

/// A socket that takes nothing now.
struct Blocked;

impl std::io::Write for Blocked {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_held_is_counted_and_not_shown() {
    let mut decoder = Decoder::new(Length::u8());
    assert!(decoder.next(&mut &b"\x09secret"[..]).unwrap().is_none());
    assert_eq!(format!("{decoder:?}"), "Decoder { held: 7, .. }");

    let mut reassembler = Reassembler::new(Length::u8());
    reassembler.space()[..7].copy_from_slice(b"\x09secret");
    reassembler.filled(7);
    assert_eq!(format!("{reassembler:?}"), "Reassembler { held: 7, .. }");

    let mut reader = FrameReader::new(&b"\x09secret"[..], Length::u8());
    assert!(reader.next_frame().is_err());
    assert_eq!(reader.reassembler().unread(), b"\x09secret", "whoever asks is shown it");
    let shown = "FrameReader { reassembler: Reassembler { held: 7, .. }, ended: true, .. }";
    assert_eq!(format!("{reader:?}"), shown);
    assert_eq!(format!("{:?}", reader.payloads()), format!("Payloads {{ reader: {shown}, .. }}"));

    let mut writer = FrameWriter::new(Blocked, Length::u8());
    writer.send(&[], &[b"secret"]).unwrap();
    assert_eq!(format!("{writer:?}"), "FrameWriter { unsent: 7, .. }");

    let codec = FrameCodec::new(&Config::new(Length::u8())).unwrap();
    assert_eq!(format!("{codec:?}"), "FrameCodec { decoder: Decoder { held: 0, .. }, .. }");

    let reassembler = Reassembler::with_storage(Length::u8(), [0; 9]).unwrap();
    let mut reader = EmbeddedReader::new(&b"\x09secret"[..], reassembler);
    assert!(matches!(reader.next_event(), Ok(Some(Event::Begin { .. }))));
    let shown = format!("{reader:?}");
    assert!(shown.starts_with("EmbeddedReader { reassembler: Reassembler { held: "), "{shown}");
    let writer = EmbeddedWriter::new(b"secret".to_vec(), Encoder::new(Length::u8()));
    assert_eq!(format!("{writer:?}"), "EmbeddedWriter { .. }");
}

#[test]
fn a_framing_prints_its_parameters() {
    let built = LengthBuilder::<BigEndian, 3>::default().build().unwrap();
    assert_eq!(built, Length::u24_be());
    assert!(format!("{built:?}").starts_with("Length(Layout { width: 3, offset: 0, "));
}
