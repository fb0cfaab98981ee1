//! See `framing_fuzz::decode_any_spec`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::decode_any_spec);
