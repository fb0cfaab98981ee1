//! The least limits that a framing takes: with any less there is no frame at all, and no decoder.

use framing::{
    BuildError, Chunked, Config, ContentLength, Envelope, Fixed, Framing, Length, Limits,
    Netstring, Slip, Varint,
};

use crate::check::{Item, Mode, run};

/// With `least` the shortest frame goes out and comes back; with one less of anything in it that is
/// not zero neither side builds, and the error names what is least.
fn least<F: Framing + Clone>(framing: F, prefix: &[u8], payload: &[u8], least: Limits) {
    let config = Config::new(framing);
    let mut wire = Vec::new();
    let exact = config.clone().limits(least);
    exact.encoder().unwrap().append(prefix, &[payload], &mut wire).unwrap();
    let items = run(&exact, &[wire.len()], &wire, Mode::OwnedFrames);
    let [Item::Frame { payload: got, discarded: 0, .. }] = &items[..] else { panic!("{items:?}") };
    assert_eq!(got, payload);
    let Limits { head, payload, trailer, parts } = least;
    let less = [
        head.checked_sub(1).map(|head| Limits { head, ..least }),
        payload.checked_sub(1).map(|payload| Limits { payload, ..least }),
        trailer.checked_sub(1).map(|trailer| Limits { trailer, ..least }),
        parts.checked_sub(1).map(|parts| Limits { parts, ..least }),
    ];
    for less in less.into_iter().flatten() {
        let error = config.clone().limits(less).decoder().unwrap_err();
        let BuildError::LimitsTooSmall { head, payload } = error else { panic!("{error:?}") };
        assert_eq!((head, payload), (least.head, least.payload as u64), "{less:?}");
        assert_eq!(config.clone().limits(less).encoder().err(), Some(error));
    }
}

#[test]
fn p4_limits_in_which_no_frame_fits_do_not_build() {
    let limits = |head, payload| Limits { head, payload, trailer: 0, parts: 0 };
    least(Length::u16_be(), b"", b"", limits(2, 0));
    least(Varint::canonical(), b"", b"", limits(1, 0));
    least(Fixed::new(3).unwrap(), b"", b"abc", limits(0, 3));
    least(Envelope, b"", b"", limits(12, 0));
    least(Netstring, b"", b"", Limits { trailer: 1, ..limits(2, 0) });
    least(Slip, b"", b"x", limits(1, 1));
    least(ContentLength::lsp(), b"", b"", limits(21, 0));
    least(Chunked, b"", b"", Limits { trailer: 2, parts: 2, ..limits(5, 0) });
}
