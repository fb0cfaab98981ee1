//! See `framing_fuzz::client`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::client);
