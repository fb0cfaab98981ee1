//! See `framing_fuzz::modes`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::modes);
