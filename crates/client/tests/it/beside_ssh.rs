//! What people suffer with `ssh host cmd`, shown with OpenSSH where it is installed, and that it is not so here.
//! `crates/client/EXEC.md` has the table.

use crate::openssh::Ssh;
use crate::support::{PATIENCE, World};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// OpenSSH, if it is here.
struct Beside {
    ssh: Option<Ssh>,
    _home: TempDir,
    world: World,
}

impl Beside {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ssh = Ssh::start(home.path()).unwrap();
        if ssh.is_none() {
            println!("there is no sshd here: only our side is shown");
        }
        Self { ssh, _home: home, world: World::new() }
    }

    /// What ssh makes of it, if it is here.
    fn theirs(&self, there: &[&str]) -> Option<Output> {
        let ssh = self.ssh.as_ref()?;
        Some(ssh.command(there).stdin(Stdio::null()).output().unwrap())
    }

    fn ours(&self, args: &[&str]) -> Output {
        self.world.client(&[&["exec"], args].concat()).output().unwrap()
    }

    /// Our client as a line of shell begins it.
    fn client(&self) -> Command {
        self.world.process(&["exec"])
    }
}

#[test]
fn our_own_failure_is_told_from_every_code_of_a_command() {
    let beside = Beside::new();
    if let Some(theirs) = beside.theirs(&["exit 255"]) {
        assert_eq!(theirs.status.code(), Some(255));
        let mut unreachable = Command::new("ssh");
        unreachable.args(["-F", "none", "-p", "1", "-o", "BatchMode=yes", "127.0.0.1", "true"]);
        assert_eq!(unreachable.stdin(Stdio::null()).output().unwrap().status.code(), Some(255));
    }
    let code = |args: &[&str]| beside.ours(args).status.code();
    assert_eq!(code(&["--", "sh", "-c", "exit 255"]), Some(255));
    assert_eq!(code(&["--server", "127.0.0.1:1", "--", "true"]), Some(125));
    // Where a command ends with 125 itself, this tells.
    let told = |args: &[&str]| String::from_utf8(beside.ours(args).stdout).unwrap();
    assert!(
        told(&["--json", "--", "sh", "-c", "exit 125"])
            .contains(r#""outcome":"exited","code":125"#)
    );
    let lost = told(&["--server", "127.0.0.1:1", "--json", "--", "true"]);
    assert!(lost.contains(r#""outcome":"transport""#), "{lost}");
}

#[test]
fn no_shell_looks_at_arguments() {
    let beside = Beside::new();
    let argv = ["printf", "%s,", "a b", "$((1+1))", ";", "echo", "*", "'", ""];
    if let Some(theirs) =
        beside.theirs(&["printf", "%s,", "a b", "$((1+1))", ";", "echo", "injected"])
    {
        assert_eq!(theirs.stdout, b"a,b,2,injected\n");
    }
    assert_eq!(beside.ours(&argv).stdout, b"a b,$((1+1)),;,echo,*,',,");
}

#[test]
fn no_command_outlives_its_client() {
    let beside = Beside::new();
    let mark = |n: u32| format!("86401.{}{n}", std::process::id());
    let alive = |mark: &str| {
        let found = Command::new("pgrep").args(["-f", &format!("^sleep {mark}")]).output().unwrap();
        !found.stdout.is_empty()
    };
    let wait = |time: Duration, is_so: &dyn Fn() -> bool| {
        let until = Instant::now() + time;
        while !is_so() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        is_so()
    };
    if let Some(ssh) = &beside.ssh {
        let mark = mark(1);
        let mut client = ssh.command(&["sleep", &mark]).stdin(Stdio::null()).spawn().unwrap();
        assert!(wait(PATIENCE, &|| alive(&mark)));
        client.kill().unwrap();
        client.wait().unwrap();
        assert!(!wait(Duration::from_secs(2), &|| !alive(&mark)), "ssh has learnt something");
        Command::new("pkill").args(["-f", &format!("^sleep {mark}")]).status().unwrap();
    }
    let mark = mark(2);
    let mut client = beside.client().args(["sleep", &mark]).stdin(Stdio::null()).spawn().unwrap();
    assert!(wait(PATIENCE, &|| alive(&mark)));
    client.kill().unwrap();
    client.wait().unwrap();
    assert!(wait(Duration::from_secs(2), &|| !alive(&mark)));
}

#[test]
fn a_loop_keeps_its_input() {
    let beside = Beside::new();
    let rounds = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"while read -r line; do "$@"; echo "$line"; done"#, "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(b"1\n2\n3\n").unwrap();
        shell.wait_with_output().unwrap().stdout
    };
    if let Some(ssh) = &beside.ssh {
        assert_eq!(rounds(&ssh.command(&["true"])), b"1\n");
    }
    assert_eq!(rounds(beside.client().arg("true")), b"1\n2\n3\n");
}

#[test]
fn a_child_in_the_background_holds_up_nobody() {
    let beside = Beside::new();
    let line = "sleep 3 & echo started";
    let start = Instant::now();
    if let Some(theirs) = beside.theirs(&[line]) {
        assert_eq!(theirs.stdout, b"started\n");
        assert!(start.elapsed() >= Duration::from_secs(3));
    }
    let output = beside.ours(&["--json", "--shell", line]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""text":"started\n""#), "{told}");
    let duration = told.split(r#""duration_ms":"#).nth(1).unwrap();
    let duration: u64 = duration.split([',', '}']).next().unwrap().parse().unwrap();
    assert!(duration < 3000, "{told}");
}

#[test]
fn text_of_another_age_can_be_read() {
    let beside = Beside::new();
    let printf = ["printf", r"\304\343\272\303\n"];
    if let Some(theirs) = beside.theirs(&["printf", r"'\304\343\272\303\n'"]) {
        assert_eq!(theirs.stdout, b"\xc4\xe3\xba\xc3\n");
    }
    assert_eq!(beside.ours(&printf).stdout, b"\xc4\xe3\xba\xc3\n");
    let read = beside.ours(&[&["--encoding", "gbk"], &printf[..]].concat()).stdout;
    assert_eq!(String::from_utf8(read).unwrap(), "你好\n");
}
