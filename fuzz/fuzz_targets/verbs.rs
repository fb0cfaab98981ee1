//! See `framing_fuzz::verbs`.
#![cfg_attr(fuzzing, no_main)]

framing_fuzz::target!(framing_fuzz::verbs);
