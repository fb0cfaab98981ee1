//! Commands that fork as fast as they can, against their end. In a process of its own, while no other test
//! runs, for they leave no place for others.

#[path = "it/caller.rs"]
#[expect(dead_code, reason = "the other tests need all of it")]
mod caller;
#[path = "it/processes.rs"]
#[expect(dead_code, reason = "the other tests need all of it")]
mod processes;

use caller::{Caller, anything, options, shell_of, start};
use framing_protocol::message::{Cap, Outcome};
use framing_server::{Caps, ExecPolicy, Options};
use processes::{Mark, assert_gone, compiled, runs};
use std::time::{Duration, Instant};

/// So many chains of processes, each of which forks the next, in a session of its own, and ends; for so many
/// seconds at most, should nobody end them.
const CHAINS: &str = r"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    time_t end = time(0) + atoi(argv[2]);
    for (int n = atoi(argv[1]); n > 0; n--) {
        if (fork() == 0) {
            setsid();
            while (time(0) < end) {
                if (fork() > 0) _exit(0);
                setsid();
            }
            _exit(0);
        }
    }
    return 0;
}
";

#[test]
fn chains_of_forks_hold_up_neither_the_clock_nor_the_end() {
    let Some((_folder, program)) = compiled(CHAINS) else { return };
    let caps = Caps { run_time: Some(Duration::from_secs(2)), ..Caps::default() };
    let grace = Duration::from_millis(100);
    let server = start(Options { exec: ExecPolicy { caps, ..anything() }, grace, ..options() });
    let mut caller = Caller::new(&server);
    let program_name = program.display();
    for (line, outcome) in [
        (format!("{program_name} 150 20 & sleep 0.5"), Outcome::Exited { code: 0 }),
        (format!("{program_name} 150 20 & sleep 100"), Outcome::CapExceeded { cap: Cap::RunTime }),
    ] {
        let start = Instant::now();
        let ran = caller.shell(&line).unwrap();
        // So many may also be more than a thousand at a time.
        let met = [outcome, Outcome::CapExceeded { cap: Cap::Processes }];
        assert!(met.contains(&ran.exit.outcome), "{line}: {:?}", ran.exit.outcome);
        assert!(start.elapsed() < Duration::from_secs(17), "{line}: {:?}", start.elapsed());
        assert_gone(&program);
    }
    let (mut lost, mark) = (Caller::new(&server), Mark::new());
    lost.begin(&shell_of(&format!("{program_name} 150 20 & echo ready; {}", mark.sleep())));
    lost.hang_up();
    mark.assert_gone_within(Duration::from_secs(10));
    let until = Instant::now() + Duration::from_secs(10);
    while runs(&program) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_gone(&program);
}
