//! Whom the client trusts, and with whose key it goes there: two homes as two machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use framing_server::{ExecPolicy, Options, Running, Server};
use framing_transport::{Dirs, Identity};
use tempfile::TempDir;

use crate::support::{PATIENCE, check, options, terminal, text};

/// A home directory with the client in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn client(&self, server: &str, args: &[&str]) -> Command {
        let mut client = Command::new(env!("CARGO_BIN_EXE_framing-client"));
        client.args(args).env("FRAMING_SERVER", server).env("HOME", self.0.path());
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            client.env_remove(name);
        }
        client.current_dir(self.0.path()).stdin(Stdio::null());
        client
    }

    fn run(&self, server: &str, args: &[&str]) -> Output {
        assert_cmd::Command::from_std(self.client(server, args)).timeout(PATIENCE).output().unwrap()
    }
}

/// A server with keys in `keys`, where no client of these tests looks.
fn serve(keys: &Path, listen: &str) -> (Running, String) {
    let options = Options {
        listen: vec![listen.to_owned()],
        exec: ExecPolicy { any: true, ..ExecPolicy::default() },
        dirs: Dirs::within(keys),
        ..options()
    };
    let server = Server::bind(options).unwrap().spawn().unwrap();
    let address = server.addresses()[0].to_string();
    (server, address)
}

fn pin(keys: &Path) -> String {
    Identity::load(&keys.join("server.pem")).unwrap().unwrap().pin().to_string()
}

#[test]
fn an_unknown_server_is_trusted_by_its_key_and_lets_in_whom_it_knows() {
    let (host, guest) = (Home::new(), Home::new());
    let keys = host.path("keys");
    let (_server, address) = serve(&keys, "127.0.0.1:0");
    let theirs = pin(&keys);
    let trust = format!("framing-client --server {address} trust {theirs}");
    for (command, code) in [(&["ping"][..], 4), (&["exec", "--", "true"], 125)] {
        let said = format!("has the key {theirs}, which is not known here");
        check(&guest.run(&address, command), code, "", &[&said, "hint: ", &trust]);
    }
    check(&guest.run(&address, &["trust", &theirs]), 0, "", &[]);
    let ours = text(&guest.run(&address, &["fingerprint"]).stdout);
    let ours = ours.trim();
    let authorize = format!("on the server: framing-server authorize {ours} --roles echo,files");
    for (command, code) in [(&["ping"][..], 4), (&["exec", "--", "true"], 125)] {
        check(&guest.run(&address, command), code, "", &["is not known here", &authorize]);
    }
    let line = format!("{ours} name=guest roles=echo").parse().unwrap();
    let list = framing_server::ClientsFile::within(&Dirs::within(&keys)).unwrap();
    list.authorize(&line).unwrap();
    check(&guest.run(&address, &["echo", "in"]), 0, "IN\n", &[]);
    let denied = guest.run(&address, &["exec", "--", "true"]);
    check(&denied, 126, "", &["denied", "--roles echo,exec:any"]);
    let denied = guest.run(&address, &["ls"]);
    check(&denied, 5, "", &["denied", "--root"]);

    let certificate = text(&guest.run(&address, &["fingerprint", "--certificate"]).stdout);
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(text(&guest.run(&address, &["fingerprint"]).stdout).trim(), ours, "it stays");
}

#[test]
fn a_server_whose_key_has_changed_is_refused_loudly() {
    let (host, guest) = (Home::new(), Home::new());
    let (server, address) = serve(&host.path("keys"), "127.0.0.1:0");
    let old = pin(&host.path("keys"));
    check(&guest.run(&address, &["trust", &old]), 0, "", &[]);
    server.stop().unwrap();
    let (_server, _) = serve(&host.path("other"), &address);
    let new = pin(&host.path("other"));
    let said = format!("has the key {new}, and not {old}, which is expected there");
    let output = guest.run(&address, &["ping"]);
    check(&output, 4, "", &[&said, "SOMEBODY ELSE MAY HAVE TAKEN ITS PLACE"]);
    // Nothing of ours was said to it, and nothing it says changes what is known.
    let output = guest.run(&address, &["trust", &new]);
    check(&output, 4, "", &["another key of", &old, "trust --replace KEY"]);
    check(&guest.run(&address, &["trust", "--replace", &new]), 0, "", &[]);
    let known = fs::read_to_string(guest.path(".config/framing/known_hosts")).unwrap();
    assert_eq!(known, format!("{address} {new}\n"));
    check(&guest.run(&address, &["ping"]), 4, "", &["is not known here", "authorize"]);
}

#[test]
fn whoever_sits_at_a_terminal_is_asked() {
    use std::io::{Read, Write};
    let (host, guest) = (Home::new(), Home::new());
    let (_server, address) = serve(&host.path("keys"), "127.0.0.1:0");
    for (answer, known) in [("\n", false), ("no\n", false), ("yes\n", true)] {
        let (mut screen, slave) = terminal();
        let mut client = guest.client(&address, &["ping"]);
        client.stdin(slave.try_clone().unwrap()).stderr(slave).stdout(Stdio::null());
        let mut child = client.spawn().unwrap();
        drop(client);
        let mut shown = String::new();
        let mut bytes = [0; 1024];
        while !shown.contains("[y/N]") {
            let n = screen.read(&mut bytes).unwrap();
            shown.push_str(&text(&bytes[..n]));
        }
        assert!(shown.contains(&pin(&host.path("keys"))), "{shown}");
        screen.write_all(answer.as_bytes()).unwrap();
        // It is known now, and does not know us.
        assert_eq!(child.wait().unwrap().code(), Some(4));
        assert_eq!(guest.path(".config/framing/known_hosts").exists(), known, "{answer:?}");
    }
}

#[test]
fn keys_that_others_can_read_are_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let guest = Home::new();
    check(
        &guest.run("127.0.0.1:1", &["fingerprint"]),
        0,
        &text(&guest.run("", &["fingerprint"]).stdout),
        &[],
    );
    let key = guest.path(".config/framing/client.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = guest.run("", &["fingerprint"]);
    check(&output, 4, "", &["client.pem", "others may use it", "chmod 600"]);
}

#[test]
fn a_server_of_the_same_user_is_known_without_a_word() {
    let home = Home::new();
    // The same directories as the client has in this home, if there were no XDG_RUNTIME_DIR.
    let keys = home.path(".local/state/framing");
    fs::create_dir_all(keys.parent().unwrap()).unwrap();
    let (server, address) = serve(&keys, "127.0.0.1:0");
    check(&home.run(&address, &["echo", "hi"]), 0, "HI\n", &[]);
    assert!(!home.path(".config/framing/client.pem").exists(), "nothing else was needed");
    // What its server left behind is not taken for another one in its place, unless that is known.
    let entry = keys.join("local").join(address.rsplit(':').next().unwrap());
    let left = fs::read_to_string(&entry).unwrap();
    server.stop().unwrap();
    let other = Home::new();
    let (_other, _) = serve(&other.path("keys"), &address);
    framing_transport::write_private(&entry, &left).unwrap();
    check(&home.run(&address, &["ping"]), 4, "", &["SOMEBODY ELSE MAY HAVE TAKEN ITS PLACE"]);
    check(&home.run(&address, &["trust", &pin(&other.path("keys"))]), 0, "", &[]);
    check(&home.run(&address, &["ping"]), 4, "", &["is not known here", "authorize"]);
}

#[test]
fn an_invitation_is_all_that_two_machines_need() {
    use framing_transport::Invitation;
    let (host, guest) = (Home::new(), Home::new());
    let keys = host.path("keys");
    let dirs = Dirs::within(&keys);
    let (_server, address) = serve(&keys, "127.0.0.1:0");
    let pin = Identity::load(&keys.join("server.pem")).unwrap().unwrap().pin();
    let invite = |roles: &str| {
        let token = framing_server::invite(&dirs, &roles.parse().unwrap(), None).unwrap();
        Invitation { server: address.clone(), pin, token }
    };
    let pair = |home: &Home, line: &str, args: &[&str]| {
        let mut client =
            assert_cmd::Command::from_std(home.client("", &[&["pair"], args].concat()));
        client.timeout(PATIENCE).write_stdin(line.to_owned()).output().unwrap()
    };
    let line = invite("echo").to_string();
    let told = format!("paired with {address}, for echo");
    check(&pair(&guest, &line, &["--name", "guest"]), 0, "", &[&told, "hint: try: framing-client"]);
    check(&guest.run(&address, &["echo", "in"]), 0, "IN\n", &[]);
    let listed = framing_server::ClientsFile::within(&dirs).unwrap().read().unwrap();
    let client = listed.iter().next().unwrap();
    assert_eq!((client.name.as_deref(), &*client.roles.to_string()), (Some("guest"), "echo"));

    // It was used, and another home has nothing of it.
    let other = Home::new();
    let used = pair(&other, &line, &["--name", "other"]);
    check(&used, 4, "", &["this invitation is not valid", "hint: ask for another one"]);
    check(&other.run(&address, &["ping"]), 4, "", &["is not known here"]);
    // The name is taken, and the invitation is not used up by that.
    let line = invite("echo").to_string();
    check(&pair(&other, &line, &["--name", "guest"]), 1, "", &["the name belongs", "--name NAME"]);
    check(&pair(&other, &line, &["--name", "a roles=exec:any"]), 1, "", &["is no name"]);
    check(&pair(&other, &line, &[]), 0, "", &["paired with"]);
    // A wrong token, a wrong key, and what is no invitation at all.
    let wrong = Invitation { token: framing_transport::new_token().unwrap(), ..invite("echo") };
    check(&pair(&Home::new(), &wrong.to_string(), &[]), 4, "", &["this invitation is not valid"]);
    let wrong = Invitation { pin: framing_transport::Pin::of_key(b"x"), ..invite("echo") };
    check(&pair(&Home::new(), &wrong.to_string(), &[]), 4, "", &["the invitation is damaged"]);
    for bad in ["", "framing://", "hello", &line[..line.len() - 1]] {
        let output = pair(&Home::new(), bad, &[]);
        check(&output, 2, "", &["that is no invitation"]);
    }
    // A server that is known by another key is not paired with.
    let known = Home::new();
    check(
        &known.run(&address, &["trust", &framing_transport::Pin::of_key(b"x").to_string()]),
        0,
        "",
        &[],
    );
    let conflict = pair(&known, &invite("echo").to_string(), &[]);
    check(&conflict, 4, "", &["another key of", "trust --replace KEY"]);
}

/// Only root can start a program as somebody else; elsewhere nothing is tested.
#[test]
fn another_user_of_the_same_machine_is_refused_on_both_sides() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this takes root");
        return;
    }
    let host = Home::new();
    let (keys, guest) = (host.path("keys"), host.path("guest"));
    let (_server, address) = serve(&keys, "127.0.0.1:0");
    fs::create_dir(&guest).unwrap();
    chown(&guest, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = host.path("framing-client");
    // By another process: while this one writes a program, whatever another test starts holds it open.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_framing-client")).arg(&binary).status();
    assert!(copied.unwrap().success());
    let run = |runtime: &Path, args: &[&str]| {
        let mut client = Command::new(&binary);
        client.args(args).env("FRAMING_SERVER", &address).env("HOME", &guest);
        client.env("XDG_RUNTIME_DIR", runtime).current_dir(&guest).stdin(Stdio::null());
        client.env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
        client.uid(NOBODY).gid(NOBODY).output().unwrap()
    };
    let trust = format!("trust {}", pin(&keys));
    check(&run(&guest, &["ping"]), 4, "", &["which is not known here", &trust]);
    check(&run(&guest, &["trust", &pin(&keys)]), 0, "", &[]);
    check(
        &run(&guest, &["ping"]),
        4,
        "",
        &["its key is not known here", "framing-server authorize"],
    );
    // What was left for the same user is of no use to anybody else, however it is pointed at.
    fs::rename(&keys, host.path("framing")).unwrap();
    let output = run(&host.path(""), &["ping"]);
    check(&output, 4, "", &["belongs to user 0, not to 65534"]);
}

#[test]
fn of_several_servers_none_asks_whether_to_trust_it() {
    let (host, other, guest) = (Home::new(), Home::new(), Home::new());
    let (_one, first) = serve(&host.path("keys"), "127.0.0.1:0");
    let (_two, second) = serve(&other.path("keys"), "127.0.0.1:0");
    // Whoever sits at this terminal would be asked about one of them.
    let (_screen, slave) = terminal();
    let mut client = guest.client(&format!("{first},{second}"), &["exec", "true"]);
    client.stdin(slave).stderr(Stdio::piped()).stdout(Stdio::null());
    let output = client.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let said = text(&output.stderr);
    assert!(said.contains("exec: 2 servers: 2 not known to each other\n"), "{said}");
    for (home, server) in [(&host, first), (&other, second)] {
        let trust = format!("framing-client --server {server} trust {}", pin(&home.path("keys")));
        assert!(said.contains(&trust), "{trust} is missing: {said}");
    }
}
