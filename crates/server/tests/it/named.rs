//! Commands that the operator has written down, and commands that go on by themselves.

use crate::caller::{Caller, anything, options, start};
use crate::guests::{Guest, Host};
use crate::processes::{Mark, is_alive, wait_until};
use framing_protocol::message::{Cap, Code, Command, Exec, Failure, Outcome, Stdin, Text};
use framing_server::{ExecPolicy, Options, Running};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;

fn server(root: &Path, policy: &str) -> Running {
    let exec = policy.parse().unwrap();
    start(Options { exec, root: Some(root.into()), ..options() })
}

fn named<A: Into<Text> + Clone>(name: &str, args: &[A]) -> Exec {
    let args = args.iter().cloned().map(Into::into).collect();
    Exec::new(Command::Named { name: name.into(), args })
}

const POLICY: &str = r#"
    [commands.show]
    argv = ["printf", "<%s>", "--release={1}", "{2}", "{0}", "{1}{2}", "{{1}}"]
    args = ['v\d+(\.\d+)*', 'a|bb']
    env = ["SHOWN"]

    [commands.any]
    argv = ["printf", "<%s>"]
    rest = '.*'

    [commands.options]
    argv = ["printf", "<%s>"]
    rest = '.*'
    options = true

    [commands.where]
    argv = ["pwd"]
    cwd = "below"

    [commands.fed]
    argv = ["sh", "-c", "cat; echo $SHOWN"]
    stdin = true

    [commands.slow]
    argv = ["sleep", "1000"]
    [commands.slow.caps]
    run_time = "300ms"
"#;

#[test]
fn arguments_take_their_places_and_nothing_else_changes() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("below")).unwrap();
    let server = server(root.path(), POLICY);
    let mut caller = Caller::new(&server);
    let ran = caller.exec(&named("show", &["v1.2", "bb"])).unwrap();
    assert_eq!(ran.out, b"<--release=v1.2><bb><{0}><v1.2bb><{v1.2}>");
    let ran = caller.exec(&named("any", &["a b", "$HOME", "'", "{1}", "", "x\n"])).unwrap_err();
    assert_eq!(ran.code, Code::Denied, "a dot is no newline");
    let ran = caller.exec(&named("any", &["a b", "$HOME", "'", "{1}", ""])).unwrap();
    assert_eq!(ran.out, b"<a b><$HOME><'><{1}><>");
    let ran = caller.exec(&named("options", &["-n", "--help"])).unwrap();
    assert_eq!(ran.out, b"<-n><--help>");
    let ran = caller.exec(&named::<&str>("where", &[])).unwrap();
    let below = root.path().canonicalize().unwrap().join("below");
    assert_eq!(ran.out, format!("{}\n", below.display()).as_bytes());
    let ran = caller.exec(&named::<&str>("slow", &[])).unwrap();
    assert_eq!(ran.exit.outcome, Outcome::CapExceeded { cap: Cap::RunTime });
}

#[test]
fn what_does_not_fit_is_refused_and_says_why() {
    let root = tempdir().unwrap();
    let server = server(root.path(), POLICY);
    let mut caller = Caller::new(&server);
    for (name, args, told) in [
        ("show", &["v1"][..], "takes 2 arguments, not 1"),
        ("show", &["v1", "a", "a"], "takes 2 arguments, not 3"),
        ("show", &["v1;id", "a"], r"argument 1 has to match v\d+(\.\d+)*"),
        ("show", &["xv1", "a"], "argument 1 has to match"),
        ("show", &["v1\n", "a"], "argument 1 has to match"),
        // The pattern has to match as a whole, alternatives included.
        ("show", &["v1", "ab"], "argument 2 has to match a|bb"),
        ("show", &["v1", "bbb"], "argument 2"),
        ("any", &["a", "-rf"], "argument 2 begins with a dash"),
        ("missing", &[], "this server has no command @missing"),
        ("where", &["x"], "takes 0 arguments"),
    ] {
        let failure = caller.exec(&named(name, args)).unwrap_err();
        assert_eq!(failure.code, Code::Denied, "{failure}");
        assert!(failure.message.contains(told), "{failure}");
    }
    let failure = caller.exec(&named("any", &[vec![0xff_u8]])).unwrap_err();
    assert_eq!(failure.code, Code::Denied, "no pattern matches what is not text");
    // Nothing but the commands of the policy is open.
    assert_eq!(caller.argv(&["true"]).unwrap_err().code, Code::Denied);
    assert_eq!(caller.shell("true").unwrap_err().code, Code::Denied);
}

#[test]
fn a_client_sets_only_what_the_operator_has_left_open() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("below")).unwrap();
    let server =
        server(root.path(), &POLICY.replace("stdin = true", "stdin = true\nenv = [\"SHOWN\"]"));
    let mut caller = Caller::new(&server);
    let with = |name: &str| {
        let mut exec = named::<&str>("fed", &[]);
        exec.env.insert(name.into(), "x".into());
        exec
    };
    assert_eq!(caller.exec(&with("SHOWN")).unwrap().out, b"x\n");
    for name in ["OTHER", "PATH", "BASH_ENV", "LD_PRELOAD"] {
        assert_eq!(caller.exec(&with(name)).unwrap_err().code, Code::Denied, "{name}");
    }
    let mut exec = named::<&str>("where", &[]);
    exec.cwd = Some("/".into());
    assert_eq!(caller.exec(&exec).unwrap_err().code, Code::Denied);
    let mut exec = named::<&str>("where", &[]);
    exec.stdin = Stdin::Piped;
    assert_eq!(caller.exec(&exec).unwrap_err().code, Code::Denied);
    let mut exec = named::<&str>("fed", &[]);
    exec.stdin = Stdin::Piped;
    let id = caller.client().exec(&exec).unwrap();
    caller.client().stdin_end(id);
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 0 });
}

fn detached(mut exec: Exec) -> Exec {
    exec.detach = true;
    exec
}

fn shell(line: &str) -> Exec {
    detached(Exec::new(Command::Shell(line.into())))
}

#[test]
fn a_detached_command_outlives_client_and_server_and_holds_neither() {
    let root = tempdir().unwrap();
    let exec = ExecPolicy { detached: 1, ..anything() };
    let server = start(Options { exec, root: Some(root.path().into()), ..options() });
    let mut caller = Caller::new(&server);
    let mark = Mark::new();
    let line = format!(
        "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >fds; \
         cat; echo lost; {} & sleep 0.5; echo done >done",
        mark.sleep()
    );
    let ran = caller.exec(&shell(&line)).unwrap();
    assert_eq!((ran.exit.outcome, &ran.out[..]), (Outcome::Detached, &b""[..]));
    // As many as may are there.
    let failure = caller.exec(&shell("true")).unwrap_err();
    assert_eq!(failure.code, Code::Busy, "{failure}");
    caller.hang_up();
    server.stop().unwrap();
    assert!(!mark.alive().is_empty());
    wait_until("it is done", || root.path().join("done").exists());
    let fds = fs::read_to_string(root.path().join("fds")).unwrap();
    assert!(fds.starts_with("/dev/null\n") && fds.ends_with("/dev/null\n"), "{fds}");
    // What it leaves behind goes on, too, until it is ended.
    for pid in mark.alive() {
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[test]
fn detached_commands_stay_within_their_bounds_and_make_place() {
    let mut exec = ExecPolicy { detached: 2, ..anything() };
    exec.caps.run_time = Some(Duration::from_millis(500));
    exec.caps.processes = Some(10);
    let server = start(Options { exec, grace: Duration::from_millis(200), ..options() });
    let mut caller = Caller::new(&server);
    for line in
        ["trap '' TERM; (setsid SLEEP &); SLEEP", "for i in $(seq 30); do SLEEP & done; wait"]
    {
        let mark = Mark::new();
        caller.exec(&shell(&line.replace("SLEEP", &mark.sleep()))).unwrap();
        mark.assert_gone_within(Duration::from_secs(5));
    }
    wait_until("there is place again", || caller.exec(&shell("true")).is_ok());
    let missing = detached(crate::caller::argv_of(&["no-such-program"]));
    let mut answer = caller.exec(&missing);
    wait_until("there is place again", || {
        let busy = answer.as_ref().is_err_and(|failure| failure.code == Code::Busy);
        if busy {
            answer = caller.exec(&missing);
        }
        !busy
    });
    assert_eq!(answer.unwrap().exit.outcome, Outcome::NotFound);
    for _ in 0..10 {
        wait_until("there is place again", || caller.exec(&shell("true")).is_ok());
    }
}

#[test]
fn nothing_is_detached_where_the_policy_says_nothing_of_it() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::new(&server);
    let denied = |answer: Result<_, Failure>| assert_eq!(answer.unwrap_err().code, Code::Denied);
    denied(caller.exec(&shell("true")).map(drop));
    let policy = "detached = 1\n[commands.no]\nargv = [\"true\"]\n\
                  [commands.yes]\nargv = [\"sleep\", \"0.2\"]\ndetach = true";
    let server = start(Options { exec: policy.parse().unwrap(), ..options() });
    let mut caller = Caller::new(&server);
    denied(caller.exec(&detached(named::<&str>("no", &[]))).map(drop));
    let id = caller.client().exec(&detached(named::<&str>("yes", &[]))).unwrap();
    let (framing_protocol::client::Event::Started { pid, .. }, _) = caller.next() else { panic!() };
    assert!(is_alive(pid));
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Detached);
    let mut fed = detached(named::<&str>("yes", &[]));
    fed.stdin = Stdin::Piped;
    assert_eq!(caller.exec(&fed).unwrap_err().code, Code::BadRequest);
}

#[test]
fn a_client_does_not_learn_which_commands_have_names() {
    let policy: ExecPolicy = POLICY.parse().unwrap();
    let host = Host::new(|options| Options { exec: policy, ..options });
    let guest = Guest::new();
    host.authorize(&guest, "roles=exec:@slow,exec:@missing,exec:any");
    let (mut caller, roles) = host.welcomes(&guest);
    assert_eq!(roles, ["exec:@slow"]);
    let told = |caller: &mut Caller, name: &str| {
        let failure = caller.exec(&named::<&str>(name, &[])).unwrap_err();
        assert_eq!(failure.code, Code::Denied);
        format!("{} {}", failure.message, failure.hint.unwrap()).replace(name, "NAME")
    };
    // One that is there, and one that is not.
    assert_eq!(told(&mut caller, "show"), told(&mut caller, "nothing"));
    assert!(told(&mut caller, "show").contains("framing-server authorize"));
    let ran = caller.exec(&named::<&str>("slow", &[])).unwrap();
    assert_eq!(ran.exit.outcome, Outcome::CapExceeded { cap: Cap::RunTime });
    // What it may do and nobody can: for that it need not be authorized.
    let failure = caller.exec(&named::<&str>("missing", &[])).unwrap_err();
    assert_eq!(failure.code, Code::Denied);
}
