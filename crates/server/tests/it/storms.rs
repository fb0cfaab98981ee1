//! Signals without end, and commands that hide. `../storms.rs` has those that fork.

use crate::caller::{Caller, anything, options, shell_of, start};
use crate::daemon::{Daemon, shell};
use crate::processes::{assert_gone, compiled, rounds};
use framing_protocol::message::{Cap, Outcome};
use framing_server::{Caps, ExecPolicy, Options};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// A process that others may not look at, in a session of its own.
const HIDDEN: &str = r"
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    prctl(PR_SET_DUMPABLE, 0);
    setsid();
    sleep(atoi(argv[2]));
    return 0;
}
";

/// Signals without end, each to many processes.
#[test]
fn a_flood_of_signals_holds_up_no_clock() {
    // Time enough to start all of them, on a machine that has others to do.
    let caps = Caps { run_time: Some(Duration::from_secs(5)), ..Caps::default() };
    let server = start(Options { exec: ExecPolicy { caps, ..anything() }, ..options() });
    let mut caller = Caller::new(&server);
    let line = "for i in $(seq 900); do sleep 50 & done; echo ready; wait; wait";
    let (id, _, _) = caller.begin(&shell_of(line));
    let start = Instant::now();
    let outcome = loop {
        // As many as the way takes; with more, it is we who have no time to listen.
        if caller.client().room() > 0 {
            (0..200).for_each(|_| caller.client().signal(id, "WINCH"));
        }
        match caller.poll() {
            Some((framing_protocol::client::Event::Exit { exit, .. }, _)) => break exit.outcome,
            Some(_) => {}
            None => caller.turn(Duration::ZERO),
        }
        assert!(start.elapsed() < Duration::from_secs(15), "it never ends");
    };
    assert_eq!(outcome, Outcome::CapExceeded { cap: Cap::RunTime });
}

/// What others cannot see in `/proc` is killed all the same, as soon as it is an orphan.
#[test]
fn processes_that_hide_are_ended() {
    let Some((folder, program)) = compiled(HIDDEN) else { return };
    let mut probe = Command::new("unshare");
    let mounted = "mount -t proc -o hidepid=2 proc /proc";
    if !probe.args(["-m", "sh", "-c", mounted]).status().is_ok_and(|status| status.success()) {
        println!("no /proc can be mounted here, so this is not tried");
        return;
    }
    // As somebody who is not root, for whom alone anything is hidden.
    let home = tempdir().unwrap();
    let open = |path: &Path| {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, all).unwrap();
    };
    open(folder.path());
    std::os::unix::fs::chown(home.path(), Some(65_534), Some(65_534)).unwrap();
    let copy = folder.path().join("framing-server");
    let line = format!(
        "cp \"$0\" {copy}; chmod 755 {copy}; cd /; export HOME={home} XDG_CONFIG_HOME={home} XDG_STATE_HOME={home} \
         XDG_RUNTIME_DIR={home}; exec unshare -m sh -c '{mounted}; \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups {copy} --listen 127.0.0.1:0 --exec-shell'",
        copy = copy.display(),
        home = home.path().display(),
    );
    let daemon = Daemon::start(&mut shell(&line), 1);
    let keys = framing_transport::Dirs::within(home.path().join("framing"));
    let address = daemon.addresses[0];
    let Ok(Some((identity, pin))) = framing_transport::local_server(&keys, address) else {
        println!("its keys are not for us, so this is not tried");
        return;
    };
    let name = address.to_string();
    let patience = Duration::from_secs(10);
    let stream = framing_transport::connect(&name, patience).unwrap();
    let stream = framing_transport::secure(stream, &name, &identity, Some(pin), patience).unwrap();
    let client = framing_protocol::client::Client::new(
        framing_protocol::client::Settings::default(),
        Duration::ZERO,
    );
    let mut caller = Caller::over(framing_transport::Link::new(stream, client));
    let (framing_protocol::client::Event::Welcome { .. }, _) = caller.next() else { panic!() };
    for _ in 0..rounds(2, 20) {
        let start = Instant::now();
        let ran = caller.shell(&format!("{} x 60 & sleep 0.3", program.display())).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::Exited { code: 0 });
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_gone(&program);
    }
}
