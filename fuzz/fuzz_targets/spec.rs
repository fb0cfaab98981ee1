//! See `framing_fuzz::spec`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::spec);
