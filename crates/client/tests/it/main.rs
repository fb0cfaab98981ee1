//! The real binary against the real server, and against servers that lie.

mod beside_ssh;
mod echo;
mod encodings;
mod exec;
mod exec_input;
mod exec_json;
mod exec_signals;
mod extremes;
mod faults;
mod get;
mod get_many;
mod guess;
mod hints;
mod inspect;
mod lies;
mod ls;
mod many;
mod openssh;
mod output;
mod progress;
mod prompt;
mod put;
mod resume;
mod session;
mod support;
mod trust;
mod usage;

/// What the servers of the other tests start again, to have it watch over a command.
#[test]
fn supervisor() {
    // Asked for among all others it must not pass for a program whose `main` begins with this.
    if std::env::args().next().is_some_and(|name| name == "framing-supervisor") {
        framing_server::supervise_if_asked();
    }
}

/// What a test starts to have a server that it can kill.
#[test]
fn serving() {
    if let Some(root) = std::env::var_os(faults::ROOT) {
        faults::serve(root.into());
    }
}
