//! The codecs of `tokio-util` and `asynchronous-codec`, and the readers and writers of `embedded-io`.

#[cfg(feature = "tokio")]
mod codec {
    use bytes::BytesMut;
    use framing::{Checksum, Chunked, Cobs, Config, FrameCodec, Framing, Length, Lines, Oversize};
    use proptest::prelude::*;
    use tokio_util::codec::{Decoder, Encoder};

    fn wire<F: Framing + Clone>(config: &Config<F>, payloads: &[Vec<u8>]) -> BytesMut {
        let mut codec = FrameCodec::new(config).unwrap();
        let mut wire = BytesMut::new();
        for payload in payloads {
            codec.encode(payload, &mut wire).unwrap();
        }
        wire
    }

    /// What comes out where `read` grows by so many bytes at a time.
    fn decoded<F: Framing + Clone>(
        config: &Config<F>,
        wire: &[u8],
        sizes: &[usize],
    ) -> Vec<Vec<u8>> {
        let mut codec = FrameCodec::new(config).unwrap();
        let (mut read, mut rest) = (BytesMut::new(), wire);
        let mut payloads = Vec::new();
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let n = sizes.next().unwrap().min(&rest.len()).to_owned();
            read.extend_from_slice(&rest[..n]);
            rest = &rest[n..];
            while let Some(payload) = codec.decode(&mut read).unwrap() {
                payloads.push(payload.to_vec());
            }
        }
        while let Some(payload) = codec.decode_eof(&mut read).unwrap() {
            payloads.push(payload.to_vec());
        }
        payloads
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_whatever_the_reads(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            sizes in prop::collection::vec(1_usize..200, 1..8),
        ) {
            let sealed = Config::new(Checksum::crc32c_be(Length::u16_le()));
            prop_assert_eq!(&decoded(&sealed, &wire(&sealed, &payloads), &sizes), &payloads);
            let cobs = Config::new(Cobs);
            prop_assert_eq!(&decoded(&cobs, &wire(&cobs, &payloads), &sizes), &payloads);
        }
    }

    #[test]
    fn a_payload_that_lies_whole_in_what_was_read_shares_its_memory() {
        let mut codec = FrameCodec::new(&Config::new(Length::u8())).unwrap();
        let mut read = BytesMut::from(&b"\x05hello\x02yo"[..]);
        let place = read.as_ptr().addr();
        let payload = codec.decode(&mut read).unwrap().unwrap();
        assert_eq!((&payload[..], payload.as_ptr().addr()), (&b"hello"[..], place + 1));
        assert_eq!(&read[..], b"\x02yo");
        // Of a frame whose head came before, too.
        let mut read = BytesMut::from(&b"\x03"[..]);
        codec.decode(&mut read).unwrap();
        let mut read = BytesMut::from(&b"abc\x01x"[..]);
        let place = read.as_ptr().addr();
        let payload = codec.decode(&mut read).unwrap().unwrap();
        assert_eq!((&payload[..], payload.as_ptr().addr()), (&b"abc"[..], place));
    }

    #[test]
    fn the_end_completes_a_last_line_and_refuses_a_cut_frame() {
        let mut codec = FrameCodec::new(&Config::new(Lines::lf())).unwrap();
        let mut read = BytesMut::from(&b"one\ntwo"[..]);
        assert_eq!(codec.decode_eof(&mut read).unwrap().unwrap(), &b"one"[..]);
        assert_eq!(codec.decode_eof(&mut read).unwrap().unwrap(), &b"two"[..]);
        assert!(codec.decode_eof(&mut read).unwrap().is_none());
        let mut codec = FrameCodec::new(&Config::new(Length::u8())).unwrap();
        assert!(codec.decode_eof(&mut BytesMut::from(&b"\x05hel"[..])).is_err());
    }

    #[test]
    fn reports_do_not_end_the_stream() {
        use std::sync::{Arc, Mutex};

        let config = Config::new(Length::u8()).max_payload(3).oversize(Oversize::Skip);
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let codec = FrameCodec::new(&config).unwrap();
        let codec = codec.on_report(move |error| teller.lock().unwrap().push(error.offset()));
        let wire = &b"\x04abcd\x01a\x05abcde\x02yo\x03ab"[..];
        let mut framed = tokio_util::codec::FramedRead::new(wire, codec);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let items = runtime.block_on(async {
            use futures_util::StreamExt;
            let mut items = Vec::new();
            while let Some(item) = framed.next().await {
                items.push(item.map_err(|error| error.to_string()));
            }
            items
        });
        let [Ok(a), Ok(yo), Err(end)] = &items[..] else { panic!("{items:?}") };
        assert_eq!((&a[..], &yo[..]), (&b"a"[..], &b"yo"[..]));
        assert!(end.contains("ended 3 bytes into a frame"), "{end}");
        assert_eq!(*told.lock().unwrap(), [0, 7]);
    }

    #[test]
    fn the_codec_tells_where_it_is() {
        let mut codec = FrameCodec::new(&Config::new(Length::u8())).unwrap();
        let mut read = BytesMut::from(&b"\x01a\x05hel"[..]);
        assert!(codec.decode(&mut read).unwrap().is_some());
        assert!(codec.decode(&mut read).unwrap().is_none());
        assert_eq!((codec.decoder().offset(), codec.decoder().need().at_least), (2, 2));
    }

    #[test]
    fn a_fatal_error_is_told_once() {
        let mut codec = FrameCodec::new(&Config::new(Length::u8()).max_payload(3)).unwrap();
        let mut read = BytesMut::from(&b"\x01a\x04abcd\x01b"[..]);
        assert_eq!(codec.decode(&mut read).unwrap().unwrap(), &b"a"[..]);
        assert!(codec.decode(&mut read).is_err());
        for _ in 0..3 {
            assert!(codec.decode(&mut read).unwrap().is_none());
            assert!(codec.decode_eof(&mut read).unwrap().is_none());
            assert!(read.is_empty());
            read.extend_from_slice(b"\x01c");
        }
    }

    #[test]
    fn a_payload_that_cannot_be_encoded_leaves_the_buffer_as_it_was() {
        let mut codec = FrameCodec::new(&Config::new(Lines::lf())).unwrap();
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(codec.encode("a\nb", &mut out).is_err());
        assert_eq!(&out[..], b"before");
    }

    /// All that comes out of `asynchronous-codec` where every read gives one byte: payloads, and
    /// whether the end was an error.
    #[cfg(feature = "futures")]
    fn read_bytewise<F: Framing + Clone>(framing: F, wire: &[u8]) -> (Vec<Vec<u8>>, bool) {
        use futures_util::{StreamExt, TryStreamExt, stream};

        let bytes = wire.iter().map(|&byte| Ok::<_, std::io::Error>(vec![byte]));
        let reader = stream::iter(bytes).into_async_read();
        let codec = FrameCodec::new(&Config::new(framing)).unwrap();
        let mut framed = asynchronous_codec::FramedRead::new(reader, codec);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut payloads = Vec::new();
            while let Some(payload) = framed.next().await {
                match payload {
                    Ok(payload) => payloads.push(payload.to_vec()),
                    Err(_) => return (payloads, true),
                }
            }
            (payloads, false)
        })
    }

    #[cfg(feature = "futures")]
    #[test]
    fn over_the_traits_of_futures_an_end_is_clean_or_an_error() {
        let payloads = |list: &[&[u8]]| list.iter().map(|p| p.to_vec()).collect::<Vec<_>>();
        let whole = read_bytewise(Length::u16_be(), b"\0\x02hi\0\0\0\x01x");
        assert_eq!(whole, (payloads(&[b"hi", b"", b"x"]), false));
        for cut in 1..4 {
            let wire = b"\0\x02hi\0\x02yo";
            let (got, error) = read_bytewise(Length::u16_be(), &wire[..4 + cut]);
            assert_eq!((got, error), (payloads(&[b"hi"]), true), "cut after {cut}");
        }
        assert_eq!(read_bytewise(Lines::lf(), b"a\nlast"), (payloads(&[b"a", b"last"]), false));
        assert_eq!(read_bytewise(Lines::lf(), b""), (vec![], false));
        assert_eq!(read_bytewise(Chunked, b"1\r\na\r\n0\r\n\r\n"), (payloads(&[b"a"]), false));
        assert_eq!(read_bytewise(Chunked, b"1\r\na\r\n"), (vec![], true), "more parts follow");
    }

    #[cfg(feature = "futures")]
    #[test]
    fn over_the_traits_of_futures_an_error_ends_the_stream_and_a_change_of_protocol_loses_nothing()
    {
        use asynchronous_codec::{BytesCodec, FramedRead};
        use futures_util::{StreamExt, TryStreamExt, stream};

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let codec = || FrameCodec::new(&Config::new(Length::u8()).max_payload(5)).unwrap();
        runtime.block_on(async {
            for wire in [&b"\x01a\x06abcdef\x01b"[..], b"\x01a\x03b"] {
                let items: Vec<_> = FramedRead::new(wire, codec()).collect().await;
                assert!(matches!(&items[..], [Ok(_), Err(_)]), "{items:?}");
            }
            for wire in [[&b"\x05START"[..], b"raw"], [b"\x05START", b""]] {
                let chunks = wire.into_iter().map(Ok::<_, std::io::Error>);
                let reader = stream::iter(chunks).into_async_read();
                let mut framed = FramedRead::new(reader, codec());
                assert_eq!(framed.next().await.unwrap().unwrap(), &b"START"[..]);
                let parts = framed.into_parts().map_decoder(|_| BytesCodec);
                let raw = FramedRead::from_parts(parts).map_ok(Vec::from);
                let raw: Vec<_> = raw.try_collect().await.unwrap();
                assert_eq!(raw.concat(), wire[1]);
            }
            // Polled between two frames, while nothing is there.
            let reader = stream::iter([
                Ok(&b"\x05START"[..]),
                Err(std::io::ErrorKind::WouldBlock.into()),
                Ok(b"raw"),
            ]);
            let mut framed = FramedRead::new(reader.into_async_read(), codec());
            assert_eq!(framed.next().await.unwrap().unwrap(), &b"START"[..]);
            assert!(framed.next().await.unwrap().is_err());
            assert!(framed.read_buffer().is_empty(), "{:?}", framed.read_buffer());
        });
    }

    #[cfg(feature = "futures")]
    #[test]
    fn over_the_traits_of_futures_nothing_is_added_to_what_failed() {
        let mut codec = FrameCodec::new(&Config::new(Length::u8()).max_payload(5)).unwrap();
        let mut read = BytesMut::from(&b"\x06abcdef"[..]);
        assert!(asynchronous_codec::Decoder::decode(&mut codec, &mut read).is_err());
        read.clear();
        assert!(asynchronous_codec::Decoder::decode(&mut codec, &mut read).unwrap().is_none());
        assert!(read.is_empty(), "{read:?}");
    }

    #[cfg(feature = "futures")]
    #[test]
    fn over_the_traits_of_futures() {
        use asynchronous_codec::Framed;
        use futures_util::{SinkExt, StreamExt, io::Cursor};

        let config = Config::new(Length::u16_be());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut memory = Cursor::new(Vec::new());
            let mut framed = Framed::new(&mut memory, FrameCodec::new(&config).unwrap());
            framed.send(b"hello").await.unwrap();
            framed.send(b"").await.unwrap();
            drop(framed);
            memory.set_position(0);
            let mut framed = Framed::new(&mut memory, FrameCodec::new(&config).unwrap());
            assert_eq!(framed.next().await.unwrap().unwrap(), &b"hello"[..]);
            assert_eq!(framed.next().await.unwrap().unwrap(), &b""[..]);
            assert!(framed.next().await.is_none());
        });
    }
}

#[cfg(all(feature = "embedded-io", feature = "embedded-io-async"))]
mod embedded {
    use framing::{
        Checksum, Cobs, DecodeErrorKind, EmbeddedError, EmbeddedReader, EmbeddedWriteError,
        EmbeddedWriter, Encoder, Event, Length, Lines, Reassembler,
    };

    #[test]
    fn frames_go_through_a_small_storage() {
        let sealed = Checksum::crc32c_le(Cobs);
        let mut wire = Vec::new();
        let mut writer = EmbeddedWriter::new(&mut wire, Encoder::new(sealed));
        for payload in [&b"one"[..], b"", b"t\0o"] {
            writer.send(&[], &[payload]).unwrap();
        }
        let storage = Reassembler::with_storage(sealed, [0; 12]).unwrap();
        let mut reader = EmbeddedReader::new(&wire[..], storage);
        for payload in [&b"one"[..], b"", b"t\0o"] {
            assert_eq!(&*reader.next_frame().unwrap().unwrap().payload(), payload);
        }
        assert!(reader.next_frame().unwrap().is_none());
    }

    #[test]
    fn what_is_larger_than_the_storage_streams() {
        let body: Vec<u8> = (0..200).collect();
        let wire = [&[200][..], &body].concat();
        let storage = || Reassembler::with_storage(Length::u8(), [0; 16]).unwrap();
        let mut reader = EmbeddedReader::new(&wire[..], storage());
        let mut got = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if let Event::Chunk(bytes) = event {
                got.extend_from_slice(&bytes);
            }
        }
        assert_eq!(got, body);
        let mut reader = EmbeddedReader::new(&wire[..], storage());
        let Err(EmbeddedError::Decode(error)) = reader.next_frame() else {
            panic!("it is too long")
        };
        assert!(matches!(error.kind(), DecodeErrorKind::TooLong { .. }));
        let mut reader = EmbeddedReader::new(&wire[..100], storage());
        while let Ok(Some(_)) = reader.next_event() {}
        let Err(EmbeddedError::Decode(error)) = reader.next_event() else { panic!("it is cut") };
        assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 100 });
    }

    #[test]
    fn errors_of_the_writer_and_of_the_payload_are_told_apart() {
        let mut small = [0; 3];
        let mut writer = EmbeddedWriter::new(&mut small[..], Encoder::new(Lines::lf()));
        let encode = writer.send(&[], &[b"a\nb"]);
        assert!(matches!(encode, Err(EmbeddedWriteError::Encode(_))));
        assert!(matches!(writer.send(&[], &[b"abc"]), Err(EmbeddedWriteError::Io(_))));
    }

    /// Breaks the contract of `embedded-io`.
    struct Stuck;

    impl embedded_io::ErrorType for Stuck {
        type Error = core::convert::Infallible;
    }

    impl embedded_io::Write for Stuck {
        fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> {
            Ok(0)
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    #[test]
    fn what_was_read_ahead_comes_with_the_parts() {
        let storage = Reassembler::with_storage(Length::u8(), [0; 4]).unwrap();
        let mut reader = EmbeddedReader::new(&b"\x01a\x01bcd"[..], storage);
        assert_eq!(&*reader.next_frame().unwrap().unwrap().payload(), b"a");
        assert_eq!(reader.reassembler().offset(), 2);
        let (rest, reassembler) = reader.into_parts();
        assert_eq!([reassembler.unread(), rest].concat(), b"\x01bcd");
        let mut writer = EmbeddedWriter::new(Vec::new(), Encoder::new(Length::u8()));
        writer.send(&[], &[b"a"]).unwrap();
        assert_eq!(writer.inner(), b"\x01a");
    }

    #[test]
    fn a_writer_that_takes_nothing_is_an_error() {
        let mut writer = EmbeddedWriter::new(Stuck, Encoder::new(Cobs));
        assert_eq!(writer.send(&[], &[b"hi"]), Err(EmbeddedWriteError::WriteZero));
    }

    #[test]
    fn the_same_without_blocking() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut wire = Vec::new();
            let mut writer = EmbeddedWriter::new(&mut wire, Encoder::new(Length::u8()));
            writer.send_async(&[], &[b"hi"]).await.unwrap();
            writer.send_async(&[], &[b"yo"]).await.unwrap();
            let storage = Reassembler::with_storage(Length::u8(), [0; 8]).unwrap();
            let mut reader = EmbeddedReader::new(&wire[..], storage);
            assert_eq!(&*reader.next_frame_async().await.unwrap().unwrap().payload(), b"hi");
            let event = reader.next_event_async().await.unwrap();
            assert!(matches!(event, Some(Event::Begin { body: Some(2), offset: 3, .. })));
            let event = reader.next_event_async().await.unwrap();
            assert!(matches!(event, Some(Event::Chunk(bytes)) if &*bytes == b"yo"));
            let event = reader.next_event_async().await.unwrap();
            assert!(matches!(event, Some(Event::End { .. })));
            assert!(reader.next_event_async().await.unwrap().is_none());
        });
    }
}

#[cfg(feature = "json")]
mod json {
    use framing::{Config, Decoder, EncodeError, Encoder, JsonError, Length};

    #[test]
    fn values_go_out_and_come_back() {
        let encoder = Encoder::new(Length::u8());
        let mut wire = Vec::new();
        encoder.append_json(&[], &("hi", [1, 2]), &mut wire).unwrap();
        encoder.append_json(&[], "text", &mut wire).unwrap();
        assert_eq!(wire, b"\x0c[\"hi\",[1,2]]\x06\"text\"");
        let (mut decoder, mut input) = (Decoder::new(Length::u8()), &wire[..]);
        let frame = decoder.next(&mut input).unwrap().unwrap();
        assert_eq!(frame.json::<(&str, [u8; 2])>().unwrap(), ("hi", [1, 2]));
        let frame = decoder.next(&mut input).unwrap().unwrap();
        assert_eq!(frame.json::<String>().unwrap(), "text");
        assert!(frame.json::<u8>().is_err());
    }

    #[test]
    fn what_is_no_json_and_what_is_no_frame_are_told_apart() {
        let encoder = Config::new(Length::u8()).max_payload(3).encoder().unwrap();
        let mut wire = b"before".to_vec();
        let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
        let none = encoder.append_json(&[], &keys, &mut wire);
        assert!(matches!(none, Err(JsonError::Json(_))), "a key is a string");
        let long = encoder.append_json(&[], "text", &mut wire);
        let Err(JsonError::Encode(error)) = long else { panic!("{long:?}") };
        assert!(matches!(error, EncodeError::TooLong { .. }), "{error:?}");
        assert_eq!(wire, b"before");
    }
}
