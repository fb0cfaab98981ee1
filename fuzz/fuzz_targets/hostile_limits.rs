//! See `framing_fuzz::hostile_limits`. The allocator counts what is held.
#![cfg_attr(fuzzing, no_main)]

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

framing_fuzz::target!(|data| framing_fuzz::hostile_limits(data, ALLOCATOR));
