//! The servers, each a process of its own, that all serve one folder.

use crate::Done;
use crate::openssh::Ssh;
use framing_server::{Options, Server};
use framing_transport::{Dirs, Identity};
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// All that there are here.
pub(crate) struct Servers {
    pub(crate) home: PathBuf,
    /// What is served.
    pub(crate) root: PathBuf,
    pub(crate) ours: Ours,
    pub(crate) nginx: Option<Nginx>,
    pub(crate) ssh: Option<Ssh>,
}

/// This program once more, as a server of ours.
pub(crate) struct Ours {
    process: Child,
    address: String,
}

/// `nginx` as one process, with `sendfile`, and TLS 1.3 with a key of the same kind as ours.
pub(crate) struct Nginx {
    process: Child,
    port: u16,
}

impl Servers {
    /// Starts them with their files in `home`.
    pub(crate) fn start(home: &Path) -> Result<Self, Box<dyn Error>> {
        let root = home.join("root");
        fs::create_dir(&root)?;
        let nginx = Nginx::start(home, &root)?;
        if nginx.is_none() {
            println!("there is no nginx here, so curl is left out");
        }
        let ssh = Ssh::start(home)?;
        if ssh.is_none() {
            println!("there is no sshd here, so scp, sftp and rsync are left out");
        }
        Ok(Self { home: home.to_owned(), root, ours: Ours::start(home)?, nginx, ssh })
    }

    /// Our client, asked for something.
    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_framing-client"));
        command.args(["--server", &self.ours.address]).args(args);
        for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(variable, &self.home);
        }
        command
    }
}

impl Ours {
    fn start(home: &Path) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(HOME, home).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut address = String::new();
        let output = process.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { process, address: address.trim().to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Is a server of ours if it was started as one, until its input ends.
pub(crate) fn serve_if_asked() -> Result<bool, Box<dyn Error>> {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else { return Ok(false) };
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".into()],
        root: Some(home.join("root")),
        ..Options::new(Dirs::within(home.join("framing")))
    })?;
    let running = server.spawn()?;
    println!("{}", running.addresses()[0]);
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    running.stop()?;
    Ok(true)
}

impl Nginx {
    fn start(home: &Path, root: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        let mut places = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter();
        let Some(nginx) = places.find(|path| Path::new(path).exists()) else { return Ok(None) };
        let identity = home.join("nginx.pem");
        Identity::load_or_create(&identity)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (home, root, identity) = (home.display(), root.display(), identity.display());
        let config = format!(
            "daemon off; master_process off; pid {home}/nginx.pid; error_log stderr;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n\
             access_log off; sendfile on; tcp_nopush on; client_body_temp_path {home}/body;\n\
             proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;\n\
             uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;\n\
             server {{\n\
             listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3; root {root};\n\
             ssl_certificate {identity}; ssl_certificate_key {identity};\n\
             }} }}\n"
        );
        let path = format!("{home}/nginx.conf");
        fs::write(&path, config)?;
        let mut command = Command::new(nginx);
        command.args(["-e", "stderr", "-c", &path]).stdin(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn()?;
        let server = Self { process, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err("nginx does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where a file is.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is such a program.
pub(crate) fn is_installed(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg(version).stdin(Stdio::null());
    let found = command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("there is no {program} here, so it is left out");
    }
    found
}

/// Runs a command that has to succeed.
pub(crate) fn succeeds(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The variable that makes this program a server, with its files there.
const HOME: &str = "FRAMING_BENCH_SERVES";
