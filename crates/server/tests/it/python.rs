//! The server, as other software sees it: a client in Python's standard library.

use crate::caller::{anything, options};
use framing_server::{ClientsFile, Options, Server};
use framing_transport::{Dirs, Identity};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn a_peer_in_python_is_let_in_and_served() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let dirs = Dirs::within(dir.path().join("keys"));
    fs::create_dir(path("root")).unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    fs::write(path("root/file"), &content).unwrap();
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".to_owned()],
        root: Some(path("root").into()),
        exec: anything(),
        dirs: dirs.clone(),
        ..options()
    });
    let server = server.unwrap().spawn().unwrap();
    let address = server.addresses()[0].to_string();
    let identity = |path: &Path| Identity::load_or_create(path).unwrap();
    let theirs = identity(&dirs.config().unwrap().join("server.pem"));
    fs::write(path("server.pem"), theirs.certificate_pem()).unwrap();
    let ours = identity(Path::new(&path("client.pem")));
    let stranger = identity(Path::new(&path("other.pem")));
    fs::write(path("wrong.pem"), stranger.certificate_pem()).unwrap();
    let line = format!("{} name=python roles=echo,files,exec:any", ours.pin());
    ClientsFile::within(&dirs).unwrap().authorize(&line.parse().unwrap()).unwrap();

    let peer = |server: &str, client: &str, args: &[&str]| -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/python/peer.py");
        let mut python = Command::new("python3");
        python.arg(script).arg(&address).args([path(server), path(client)]).args(args);
        python.env("PYTHONIOENCODING", "utf-8").output().unwrap()
    };
    let good = |args: &[&str]| peer("server.pem", "client.pem", args);
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();

    let upper = good(&["upper", "grüße"]);
    assert_eq!(upper.stdout, "GRÜSSE".as_bytes(), "{}", said(&upper));
    assert!(good(&["get", "file"]).stdout == content);
    let ran = good(&["exec", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((ran.status.code(), &*ran.stdout), (Some(7), &b"out\n"[..]));
    assert_eq!(ran.stderr, b"err\n");
    assert!(said(&good(&["get", "missing"])).contains("not_found"));

    let refused = peer("server.pem", "other.pem", &["upper", "a"]);
    let told = said(&refused);
    assert!(told.contains("unauthorized") && told.contains(&stranger.pin().to_string()), "{told}");
    let refused = peer("wrong.pem", "client.pem", &["upper", "a"]);
    assert!(said(&refused).contains("CERTIFICATE_VERIFY_FAILED"), "{}", said(&refused));
}
