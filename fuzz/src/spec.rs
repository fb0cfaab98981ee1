//! Any text as a spec.

use framing::{Spec, SpecError};

use crate::choice::spec_text;
use crate::input::Input;

/// **What a spec prints is the same spec, and what is wrong lies within it.**
///
/// The input is the text, as it is or, behind a first byte of 0, one made of what specs are made of,
/// and then some of it written over.
pub fn spec(data: &[u8]) {
    let text = match data.split_first() {
        Some((0, rest)) => written(&mut Input::new(rest)),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    match text.parse::<Spec>() {
        Ok(spec) => {
            let printed = spec.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&spec), "{text:?} prints as {printed:?}");
            assert_eq!(*spec.framing(), *printed.parse::<Spec>().unwrap().framing());
            assert!(printed.len() <= text.len() + MOST_ADDED, "{text:?} prints as {printed:?}");
            let config = spec.config();
            assert_eq!(config.decoder().is_ok(), config.encoder().is_ok());
        }
        Err(error) => lies_within(&error, &text),
    }
}

/// Sizes print with the largest unit, lengths with `be` for `ne`: never much longer.
const MOST_ADDED: usize = 8;

fn lies_within(error: &SpecError, text: &str) {
    let at = error.at();
    assert!(text.get(at.clone()).is_some(), "{at:?} of {text:?} ({error})");
    assert!(!error.to_string().is_empty());
}

fn written(input: &mut Input<'_>) -> String {
    let framing = spec_text(input);
    let max = match input.below(2) {
        0 => String::new(),
        _ => format!(",max={}{}", input.word(), input.pick(&["", "KiB", "MiB", "GiB"])),
    };
    let policy = input.pick(&["", ",oversize=error", ",oversize=skip", ",oversize=stream"]);
    let mut text = format!("{framing}{max}{policy}");
    for _ in 0..input.below(3) {
        let at = input.byte();
        let with = char::from_u32(u32::try_from(input.word()).unwrap_or(0)).unwrap_or(',');
        if let Some((at, _)) = text.char_indices().nth(usize::from(at)) {
            text.insert(at, with);
        }
    }
    text
}
