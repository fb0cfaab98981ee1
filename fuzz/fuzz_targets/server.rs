//! See `framing_fuzz::server`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::server);
