//! A server, a folder for it to serve, another to work in, and the binary.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus, Output, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use framing_client::Target;
use framing_server::{ExecPolicy, Options, Running, Server, Supervisor};
use framing_transport::{Dirs, Identity, LocalTrust, TlsAcceptor, TlsStream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// Long enough for the slowest machine; only bounds what would hang otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with files to serve and commands to run, and an empty folder of the client's.
pub(crate) struct World {
    server: Running,
    root: TempDir,
    here: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(ExecPolicy { any: true, shell: true, ..ExecPolicy::default() })
    }

    pub(crate) fn with(exec: ExecPolicy) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = Options {
            listen: vec!["127.0.0.1:0".into()],
            root: Some(root.path().into()),
            writable: true,
            exec,
            ..options()
        };
        let server = Server::bind(options).unwrap().spawn().unwrap();
        Self { server, root, here: tempfile::tempdir().unwrap() }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> String {
        self.server.addresses()[0].to_string()
    }

    /// A path below the server's root.
    pub(crate) fn there(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }

    /// A path in the folder that the client works in.
    pub(crate) fn here(&self, name: impl AsRef<Path>) -> PathBuf {
        self.here.path().join(name)
    }

    /// The client, told where the server is.
    pub(crate) fn client(&self, args: &[&str]) -> assert_cmd::Command {
        let mut client = assert_cmd::Command::from_std(self.process(args));
        client.timeout(PATIENCE);
        client
    }

    /// The same as a bare process, for tests that hold its pipes themselves.
    pub(crate) fn process(&self, args: &[&str]) -> process::Command {
        process(&self.address(), self.here.path(), args)
    }

    /// A shell line in which `$0` is the client.
    pub(crate) fn shell(&self, line: &str) -> process::Command {
        let client = self.process(&[]);
        let mut shell = process::Command::new("sh");
        // With a group of its own all of it can be ended.
        shell.process_group(0);
        shell.args(["-c", line]).arg(client.get_program()).current_dir(self.here.path());
        shell.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    }

    /// What the client's folder holds, sorted.
    pub(crate) fn files_here(&self) -> Vec<String> {
        names(self.here.path())
    }

    pub(crate) fn stop(self) -> (String, TempDir) {
        let address = self.address();
        self.server.stop().unwrap();
        (address, self.here)
    }
}

/// The home of all servers and clients of these tests: one user, one machine.
static HOME: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

pub(crate) fn dirs() -> Dirs {
    Dirs::within(HOME.path().join("framing"))
}

/// The defaults of a server.
pub(crate) fn options() -> Options {
    options_within(dirs())
}

/// The same with the keys of another home.
pub(crate) fn options_within(dirs: Dirs) -> Options {
    // This very program, which is a supervisor if the test of that name is all it is asked for.
    let supervisor = Supervisor::program("/proc/self/exe");
    let supervisor = supervisor.arguments(["supervisor", "--exact", "--nocapture"]);
    Options { supervisor: Some(supervisor), ..Options::new(dirs) }
}

/// The server at `address`, as our own.
pub(crate) fn target(address: &str) -> Target {
    Target::new(address, dirs())
}

/// Something that clients take for our own server, and that does as the test pleases.
pub(crate) struct Impostor {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    _trust: LocalTrust,
}

impl Impostor {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let path = dirs().config().unwrap().join("impostor.pem");
        let identity = Identity::load_or_create(&path).unwrap();
        let address = listener.local_addr().unwrap();
        let trust = LocalTrust::announce(&dirs(), identity.pin(), &[address]).unwrap();
        Self { listener, acceptor: TlsAcceptor::new(&identity).unwrap(), _trust: trust }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Takes the next client; what is read waits for it.
    pub(crate) fn accept(&self) -> TlsStream {
        let mut polled = [PollFd::new(&self.listener, PollFlags::IN)];
        let called = poll(&mut polled, Some(&PATIENCE.try_into().unwrap())).unwrap();
        assert!(called > 0, "no client comes");
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = self.acceptor.accept(Arc::new(stream)).unwrap();
        assert!(stream.shake_hands().unwrap());
        stream
    }

    /// Whether a client waits to be taken.
    pub(crate) fn is_called(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_ok()
    }
}

/// The client in `folder`, with nothing of the home of whoever runs the tests.
pub(crate) fn process(server: &str, folder: &Path, args: &[&str]) -> process::Command {
    let mut client = process::Command::new(env!("CARGO_BIN_EXE_framing-client"));
    client.args(args).current_dir(folder).env("FRAMING_SERVER", server);
    client.env("HOME", folder).env_remove("XDG_STATE_HOME").env("LC_ALL", "C");
    client.env("XDG_CONFIG_HOME", HOME.path()).env("XDG_RUNTIME_DIR", HOME.path());
    client
}

/// A terminal: the end that a person or a program looks at, and the end that is handed to a client.
pub(crate) fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    (master.into(), slave.into())
}

/// Runs the client with empty input.
pub(crate) fn run(server: &str, folder: &Path, args: &[&str]) -> Output {
    let mut process = process(server, folder, args);
    process.stdin(Stdio::null());
    assert_cmd::Command::from_std(process).timeout(PATIENCE).output().unwrap()
}

/// Ends a client that takes too long, and its group if it has one, so that nobody reads from it for ever.
pub(crate) fn guarded(client: Child) -> Child {
    let pid = Pid::from_child(&client);
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    std::thread::spawn(move || {
        let mut polled = [PollFd::new(&process, PollFlags::IN)];
        if poll(&mut polled, Some(&PATIENCE.try_into().unwrap())) == Ok(0) {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    });
    client
}

/// What a client says until it ends, with the input that it was given.
pub(crate) fn said(client: &mut process::Command) -> Output {
    let client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    guarded(client).wait_with_output().unwrap()
}

/// Waits for the end of a client that is in nobody's way; one that takes too long is ended.
#[track_caller]
/// What a shell would call it.
pub(crate) fn shell_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

pub(crate) fn code(mut client: Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = client.try_wait().unwrap() {
            return shell_code(status);
        }
        if Instant::now() >= deadline {
            client.kill().unwrap();
            panic!("the client hangs: {}", client.wait().unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

/// The exit code and both streams at once, so that a failure shows all of them.
#[track_caller]
pub(crate) fn check(output: &Output, code: i32, stdout: &str, in_stderr: &[&str]) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let shown = format!("{}\nstdout: {out}\nstderr: {err}", output.status);
    assert_eq!(output.status.code(), Some(code), "{shown}");
    assert_eq!(out, stdout, "{shown}");
    for expected in in_stderr {
        assert!(err.contains(expected), "{expected:?} is missing: {shown}");
    }
    if in_stderr.is_empty() {
        assert_eq!(err, "", "{shown}");
    }
    for line in err.lines().filter(|_| code != 0 && !in_stderr.is_empty()) {
        assert!(line.starts_with("framing-client: ") || line.starts_with("remote: "), "{shown}");
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
