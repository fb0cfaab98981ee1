//! Any framing with any of its options, any limits and policies, any payloads, any cuts.

use framing::{AnyFraming, Config, Decoder, Limits, Oversize, Reassembler, Spec};
use proptest::prelude::*;

use crate::check::{Item, Mode, effort, run, same_under};

/// Configurations that build, and a prefix that their encoders may take.
fn configurations() -> impl Strategy<Value = (String, Config<AnyFraming>)> {
    let limit = prop_oneof![0_usize..12, 40_usize..400];
    let limits = (limit, 16_usize..64, 0_usize..8, 0_usize..5)
        .prop_map(|(payload, head, trailer, parts)| Limits { payload, head, trailer, parts });
    (crate::spec::any_spec(), prop::option::of(limits)).prop_filter_map(
        "it builds",
        |(text, limits)| {
            let config = text.parse::<Spec>().ok()?.config();
            let config = match limits {
                Some(limits) => config.limits(limits),
                None => config,
            };
            config.decoder().is_ok().then_some((format!("{text} {limits:?}"), config))
        },
    )
}

/// Bytes that framings are made of.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => 0_u8..6,
        3 => prop::sample::select(b"\r\n:;,0123af\xC0\xDB\xDC\xDD\x80\xFF".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..most)
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

fn ends(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    ends.push(length);
    ends.retain(|&end| end > 0);
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// What the encoder takes of these, with the longest prefix of `0123...` that it takes, and the
/// stream.
fn encoded(config: &Config<AnyFraming>, payloads: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let encoder = config.encoder().unwrap();
    let (mut taken, mut wire) = (Vec::new(), Vec::new());
    for payload in payloads {
        let (front, back) = payload.split_at(payload.len() / 2);
        let prefixes = (0..40_u8).rev().map(|n| (0..n).collect::<Vec<_>>());
        let http = std::iter::once(b"HTTP/1.1 200 OK\r\n".to_vec());
        for prefix in prefixes.chain(http) {
            let before = wire.len();
            if encoder.append(&prefix, &[front, back], &mut wire).is_ok() {
                taken.push(payload.clone());
                break;
            }
            assert_eq!(wire.len(), before, "what is refused leaves the output as it was");
        }
    }
    (taken, wire)
}

fn payloads_of(items: Vec<Item>) -> Vec<Vec<u8>> {
    let payload = |item| match item {
        Item::Frame { payload, discarded: 0, .. } => payload,
        other => panic!("{other}"),
    };
    items.into_iter().map(payload).collect()
}

pub(crate) fn cases(normal: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 1 } else { effort(normal / 20, normal, normal * 50) };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn what_is_encoded_comes_back(
        (text, config) in configurations(),
        payloads in prop::collection::vec(bytes(40), 0..6),
        cuts in cuts(),
    ) {
        let (taken, wire) = encoded(&config, &payloads);
        let ends = ends(&cuts, wire.len());
        for mode in [Mode::PushFrames, Mode::OwnedFrames] {
            prop_assert_eq!(&payloads_of(run(&config, &ends, &wire, mode)), &taken, "{}", text);
        }
    }

    #[test]
    fn any_stream_is_the_same_under_any_cut_and_within_its_limits(
        (text, config) in configurations(),
        frames in prop::collection::vec(bytes(30), 0..3),
        noise in bytes(120),
        cuts in cuts(),
    ) {
        let wire = [encoded(&config, &frames).1, noise].concat();
        for policy in crate::cuts::POLICIES {
            let config = config.clone().oversize(policy);
            if config.decoder().is_ok() {
                same_under(&config, &wire, &ends(&cuts, wire.len()));
            }
        }
        let small = config.oversize(Oversize::Truncate).max_payload(7);
        if small.decoder().is_ok() {
            for item in run(&small, &ends(&cuts, wire.len()), &wire, Mode::PushFrames) {
                let within = !matches!(&item, Item::Frame { payload, .. } if payload.len() > 7);
                prop_assert!(within, "{text}: {item}");
            }
        }
    }

    /// After each frame, all that follows is in the caller's hands: another decoder goes on there.
    #[test]
    fn nothing_is_lost_where_the_framing_changes(
        (text, config) in configurations(),
        payloads in prop::collection::vec(bytes(20), 1..4),
        behind in bytes(20),
        cuts in cuts(),
    ) {
        let (taken, mut wire) = encoded(&config, &payloads);
        // Of several delimiters one may go on with what follows the frame.
        if text.contains('|') || taken.is_empty() {
            return Ok(());
        }
        let frames_end = wire.len();
        wire.extend_from_slice(&behind);
        let ends = ends(&cuts, wire.len());
        let mut decoder: Decoder<AnyFraming> = config.decoder().unwrap();
        let (mut rest, mut got, mut start) = (Vec::new(), 0, 0);
        for &end in &ends {
            let mut input = &wire[start..end];
            start = end;
            while got < taken.len() {
                let Some(frame) = decoder.next(&mut input).unwrap() else { break };
                prop_assert_eq!(&*frame.payload(), &taken[got]);
                got += 1;
                if got == taken.len() {
                    prop_assert_eq!(decoder.take_tail(), Ok(&b""[..]), "{}", &text);
                }
            }
            rest.extend_from_slice(input);
        }
        prop_assert_eq!(got, taken.len());
        prop_assert_eq!(&rest, &behind);
        prop_assert_eq!(decoder.offset(), frames_end as u64);

        let mut owned: Reassembler<AnyFraming> = config.reassembler().unwrap();
        let space = owned.space();
        let n = wire.len().min(space.len());
        space[..n].copy_from_slice(&wire[..n]);
        owned.filled(n);
        for payload in &taken {
            prop_assert_eq!(&*owned.next().unwrap().unwrap().payload(), payload);
        }
        prop_assert_eq!(owned.unread(), &behind);
        if let Ok(switched) = owned.switch(framing::Netstring) {
            prop_assert_eq!((switched.unread(), switched.offset()), (&behind[..], frames_end as u64));
        }
    }
}
