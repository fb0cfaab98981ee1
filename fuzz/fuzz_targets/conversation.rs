//! See `framing_fuzz::conversation`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::conversation);
