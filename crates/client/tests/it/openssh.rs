//! A server of OpenSSH's on loopback, with keys of its own, to stand beside.

use std::error::Error;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// `sshd`, and the master connection if there is one. Both end with this.
pub(crate) struct Ssh {
    running: Mutex<Vec<Child>>,
    home: PathBuf,
}

impl Ssh {
    /// Starts it with its files in `home`; none where there is no `sshd`.
    pub(crate) fn start(home: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        let mut places = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter();
        let Some(sshd) = places.find(|path| Path::new(path).exists()) else { return Ok(None) };
        let ssh = Self { running: Mutex::default(), home: home.to_owned() };
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &ssh.path(key)]);
            if !keygen.stdout(Stdio::null()).status()?.success() {
                return Err("ssh-keygen failed".into());
            }
        }
        fs::copy(ssh.path("user.pub"), ssh.path("authorized"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        // What a .bashrc does, or takes to do it, is not ssh's fault.
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nSetEnv HOME={}\nSubsystem sftp internal-sftp\n",
            ssh.path("host"),
            ssh.path("authorized"),
            home.display()
        );
        fs::write(ssh.path("sshd_config"), server)?;
        let client = format!(
            "Host there\nHostName 127.0.0.1\nPort {port}\nIdentityFile {}\nIdentitiesOnly yes\n\
             StrictHostKeyChecking no\nUserKnownHostsFile {}\nControlPath {}\nLogLevel ERROR\n",
            ssh.path("user"),
            ssh.path("known"),
            ssh.path("control")
        );
        fs::write(ssh.path("ssh_config"), client)?;
        // Where sshd wants to part with its privileges; it says so if it cannot.
        let _ = fs::create_dir_all("/run/sshd");
        ssh.run(Command::new(sshd).args(["-D", "-q", "-f", &ssh.path("sshd_config")]))?;
        wait_until("sshd listens", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Some(ssh))
    }

    /// From now on all commands share one connection (`ControlMaster`).
    #[allow(dead_code, reason = "a benchmark does")]
    pub(crate) fn multiplex(&self) -> Result<(), Box<dyn Error>> {
        self.run(Command::new("ssh").args(["-F", &self.path("ssh_config"), "-M", "-N", "there"]))?;
        wait_until("the master connects", || Path::new(&self.path("control")).exists())
    }

    /// `ssh` with what is to be run there.
    #[allow(dead_code, reason = "not every benchmark does")]
    pub(crate) fn command(&self, there: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", &self.path("ssh_config"), "there"]).args(there);
        command
    }

    /// What `scp` and its like have to be told.
    #[allow(dead_code, reason = "a benchmark does")]
    pub(crate) fn config(&self) -> String {
        self.path("ssh_config")
    }

    /// The process id of the server.
    #[allow(dead_code, reason = "a benchmark asks")]
    pub(crate) fn pid(&self) -> u32 {
        self.running.lock().map_or(0, |running| running[0].id())
    }

    fn run(&self, command: &mut Command) -> Result<(), Box<dyn Error>> {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        self.running.lock().map_err(|_| "poisoned")?.push(child);
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let Ok(running) = self.running.get_mut() else { return };
        for child in running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        if Instant::now() > until {
            return Err(format!("never: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
