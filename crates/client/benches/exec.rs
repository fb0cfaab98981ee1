//! What it costs to run a command: `true`, one after the other.
//!
//! ```text
//! cargo bench -p framing-client --bench exec            # 500 rounds; -- N for another number
//! ```
//!
//! All contenders take turns in each round, so that whatever else goes on meets all of them:
//!
//! - `spawn`: a child of this process, its output through pipes to the end: what cannot be undercut;
//! - `one connection`: `exec` again and again over one session, supervisor included;
//! - `fresh connections`: each with a handshake of its own;
//! - `ssh`: OpenSSH with a `ControlMaster`, over a server of its own on loopback; left out where there is no
//!   `sshd`;
//! - `client`: the program `framing-client exec`, beside which `ssh` stands as a program.

use framing_client::{Session, Target};
use framing_protocol::message::{Command as Asked, Exec, Outcome};
use framing_server::{ExecPolicy, Options, Server};
use framing_transport::Dirs;
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../tests/it/openssh.rs"]
mod openssh;

use openssh::Ssh;

type Done = Result<(), Box<dyn Error>>;

/// Runs `true` once.
type Contender<'c> = dyn FnMut() -> Done + 'c;

fn main() -> Done {
    framing_server::supervise_if_asked();
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(500);
    let home = tempfile::tempdir()?;
    // Where both the library and the program look for keys.
    let dirs = Dirs::within(home.path().join("framing"));
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".into()],
        exec: ExecPolicy { any: true, ..ExecPolicy::default() },
        ..Options::new(dirs.clone())
    })?;
    let running = server.spawn()?;
    let target = Target::new(running.addresses()[0].to_string(), dirs);
    let mut session = Session::connect(&target)?;
    let ssh = Ssh::start(home.path())?;
    match &ssh {
        Some(ssh) => ssh.multiplex()?,
        None => println!("there is no sshd here, so ssh is left out"),
    }

    let mut contenders: Vec<(&str, Box<Contender<'_>>)> = vec![
        ("spawn", Box::new(spawn)),
        ("one connection", Box::new(|| exec(&mut session))),
        ("fresh connections", Box::new(|| exec(&mut Session::connect(&target)?))),
        ("client", Box::new(|| client(&target, home.path()))),
    ];
    if let Some(ssh) = &ssh {
        contenders.push(("ssh", Box::new(|| succeeds(&mut ssh.command(&["true"])))));
    }
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for ((_, run), times) in contenders.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed());
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    println!("{:<18} {:>10} {:>10} {:>12}", "", "median", "a second", "over spawn");
    for ((name, _), median) in contenders.iter().zip(&medians) {
        let seconds = median.as_secs_f64();
        println!(
            "{name:<18} {:>8.0} us {:>10.0} {:>11.2}x",
            seconds * 1e6,
            1.0 / seconds,
            seconds / medians[0].as_secs_f64()
        );
    }
    drop(contenders);
    drop(session);
    Ok(running.stop()?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn spawn() -> Done {
    succeeds(&mut Command::new("true"))
}

fn exec(session: &mut Session) -> Done {
    let exec = Exec::new(Asked::Argv(vec!["true".into()]));
    let exit = session.exec(&exec, &mut Vec::new(), &mut Vec::new())?;
    match exit.outcome {
        Outcome::Exited { code: 0 } => Ok(()),
        outcome => Err(format!("{outcome:?}").into()),
    }
}

fn client(target: &Target, home: &Path) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framing-client"));
    command.args(["--server", target.server(), "exec", "--", "true"]);
    for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, home);
    }
    succeeds(&mut command)
}

fn succeeds(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}
