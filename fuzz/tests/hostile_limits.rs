//! The body that counts what is allocated: a process of its own, with one test.

mod support;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

#[test]
fn hostile_limits() {
    support::replay("hostile_limits", |input| framing_fuzz::hostile_limits(input, ALLOCATOR));
}
