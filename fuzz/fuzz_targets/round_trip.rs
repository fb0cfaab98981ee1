//! See `framing_fuzz::round_trip`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::round_trip);
