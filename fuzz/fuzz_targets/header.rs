//! See `framing_fuzz::header`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::header);
