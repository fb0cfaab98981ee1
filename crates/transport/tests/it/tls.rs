//! Encrypted connections: who is let in, what is told of an end, and what strangers can do.

use framing_protocol::End;
use framing_transport::{
    ConnectError, Dirs, Exposed, Identity, IdentityError, LocalTrust, Pin, Stream, TlsAcceptor,
    TlsStream, connect, local_server, secure,
};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

fn identity() -> (TempDir, Identity) {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(&dir.path().join("key.pem")).unwrap();
    (dir, identity)
}

/// A listener, and its key.
struct Server {
    listener: TcpListener,
    identity: Identity,
    _dir: TempDir,
}

impl Server {
    fn new() -> Self {
        let (dir, identity) = identity();
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), identity, _dir: dir }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// The next connection; what is read from it waits.
    fn accept(&self) -> TlsStream {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        TlsAcceptor::new(&self.identity).unwrap().accept(Arc::new(stream)).unwrap()
    }

    /// Both ends of a connection whose handshake is over, and the client's key.
    fn pair(&self) -> (TlsStream, TlsStream, Pin) {
        let (_dir, client) = identity();
        let address = self.address();
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let mut stream = self.accept();
                assert!(stream.shake_hands().unwrap());
                stream
            });
            let stream = connect(&address, PATIENCE).unwrap();
            let pin = Some(self.identity.pin());
            let here = secure(stream, &address, &client, pin, PATIENCE).unwrap();
            here.tcp().set_nonblocking(false).unwrap();
            here.tcp().set_read_timeout(Some(PATIENCE)).unwrap();
            (here, there.join().unwrap(), client.pin())
        })
    }
}

#[test]
fn each_side_knows_the_key_of_the_other() {
    let server = Server::new();
    let (mut here, mut there, client) = server.pair();
    assert_eq!((here.peer(), there.peer()), (Some(server.identity.pin()), Some(client)));
    here.write_all(b"question").unwrap();
    let mut heard = [0; 8];
    there.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"question");
    there.write_all(b"answer").unwrap();
    here.read_exact(&mut heard[..6]).unwrap();
    assert_eq!(&heard[..6], b"answer");
}

#[test]
fn a_megabyte_each_way_at_once_arrives_whole() {
    let server = Server::new();
    let (here, there, _) = server.pair();
    let sent: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    thread::scope(|scope| {
        for mut stream in [here, there] {
            let sent = &sent;
            scope.spawn(move || {
                stream.tcp().set_nonblocking(true).unwrap();
                let (mut written, mut received) = (0, Vec::new());
                let mut space = [0; 10_000];
                while written < sent.len() || received.len() < sent.len() || stream.wants_write() {
                    match Stream::write(&mut stream, &sent[written..]) {
                        Ok(n) => written += n,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                    match Stream::read(&mut stream, &mut space) {
                        Ok(n) => received.extend_from_slice(&space[..n]),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                    let _ = Stream::flush(&mut stream);
                }
                assert!(received == *sent);
            });
        }
    });
}

#[test]
fn a_farewell_is_told_from_a_cut() {
    let server = Server::new();
    for (cut, end) in [(false, End::Authenticated), (true, End::Loss)] {
        let (mut here, mut there, _) = server.pair();
        here.write_all(b"last").unwrap();
        if cut {
            here.tcp().shutdown(Shutdown::Write).unwrap();
        } else {
            here.close_write().unwrap();
            assert!(here.write_all(b"more").is_err(), "nothing comes behind it");
        }
        let mut heard = Vec::new();
        there.read_to_end(&mut heard).unwrap();
        assert_eq!((&*heard, there.end()), (&b"last"[..], end));
        // The other direction goes on.
        there.write_all(b"answer").unwrap();
        let mut answer = [0; 6];
        here.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
    }
}

/// After a farewell nothing wakes whoever polls the descriptor.
#[test]
fn an_end_that_was_received_with_data_is_not_forgotten() {
    let server = Server::new();
    let (mut here, mut there, _) = server.pair();
    here.write_all(b"last").unwrap();
    here.close_write().unwrap();
    thread::sleep(Duration::from_millis(50));
    let mut heard = [0; 2];
    for expected in [b"la", b"st"] {
        assert_eq!(Stream::read(&mut there, &mut heard).unwrap(), 2);
        assert_eq!(&heard, expected);
        assert!(there.holds_input(), "the rest, or the end");
    }
    assert_eq!(Stream::read(&mut there, &mut heard).unwrap(), 0);
    assert!(!there.holds_input());
}

#[test]
fn another_key_is_refused_before_ours_is_shown() {
    let server = Server::new();
    let (_dir, client) = identity();
    for expected in [None, Some(Pin::of_key(b"another"))] {
        let address = server.address();
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let mut stream = server.accept();
                (stream.shake_hands().map_err(|error| error.kind()), stream.peer())
            });
            let stream = connect(&address, PATIENCE).unwrap();
            match secure(stream, &address, &client, expected, PATIENCE) {
                Err(ConnectError::OtherKey { expected: wanted, met, .. }) => {
                    assert_eq!((wanted, met), (expected, server.identity.pin()));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(there.join().unwrap(), (Err(ErrorKind::PermissionDenied), None));
        });
    }
}

/// What other software makes of a server, by flags of `openssl s_client`: whether it says that its
/// handshake went well.
fn s_client(server: &Server, dir: &TempDir, flags: &[&str]) -> (String, io::Result<bool>) {
    let address = server.address();
    thread::scope(|scope| {
        let there = scope.spawn(|| server.accept().shake_hands());
        let mut client = std::process::Command::new("openssl");
        client.args(["s_client", "-connect", &address, "-brief"]).args(flags);
        let output = client.current_dir(dir.path()).stdin(std::process::Stdio::null()).output();
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&said).into_owned(), there.join().unwrap())
    })
}

#[test]
fn openssl_is_let_in_with_a_key_and_with_nothing_less() {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl");
        return;
    }
    let server = Server::new();
    let (dir, _) = identity();
    let write = |name: &str, args: &[&str]| {
        let made =
            std::process::Command::new("openssl").args(args).current_dir(dir.path()).output();
        assert!(made.unwrap().status.success(), "{name}");
    };
    let rsa = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"];
    write("rsa", &[&rsa[..], &["-keyout", "rsa.key", "-out", "rsa.pem"]].concat());
    fs::write(dir.path().join("server.pem"), server.identity.certificate_pem()).unwrap();
    let ours: &[&str] = &["-cert", "key.pem", "-key", "key.pem"];
    let alpn: &[&str] = &["-alpn", "framing/1"];
    let verify: &[&str] =
        &["-CAfile", "server.pem", "-verify_return_error", "-verify_hostname", "framing"];

    let (said, there) = s_client(&server, &dir, &[ours, alpn, verify].concat());
    assert!(there.unwrap() && said.contains("Verification: OK"), "{said}");
    let (said, there) =
        s_client(&server, &dir, &[&["-cert", "rsa.pem", "-key", "rsa.key"], alpn].concat());
    assert!(there.unwrap(), "any key is a key: {said}");
    for (what, flags) in [
        ("TLS 1.2", [ours, alpn, &["-tls1_2"]].concat()),
        ("no key", alpn.to_vec()),
        ("another protocol", [ours, &["-alpn", "h2"]].concat()),
        ("no protocol", ours.to_vec()),
    ] {
        let (said, there) = s_client(&server, &dir, &flags);
        assert_eq!(
            there.map_err(|error| error.kind()),
            Err(ErrorKind::InvalidData),
            "{what}: {said}"
        );
    }
}

#[test]
fn bytes_that_are_no_tls_end_it_after_any_of_them() {
    let server = Server::new();
    let hello: Vec<u8> = {
        // A real beginning, as a client of ours sends it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (_dir, client) = identity();
        let address = listener.local_addr().unwrap().to_string();
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let mut hello = [0; 5];
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut hello).unwrap();
                let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
                stream.read_exact(&mut rest).unwrap();
                [&hello[..], &rest].concat()
            });
            let stream = connect(&address, PATIENCE).unwrap();
            assert!(secure(stream, &address, &client, None, PATIENCE).is_err());
            there.join().unwrap()
        })
    };
    for cut in 0..hello.len() {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.write_all(&hello[..cut]).unwrap();
        let then: &[u8] = if cut % 2 == 0 { b"" } else { b"\xff\xff\xff\xff\xff\xff" };
        client.write_all(then).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut there = server.accept();
        let shaken = there.shake_hands();
        assert!(shaken.is_err() && there.peer().is_none(), "cut at {cut}: {shaken:?}");
    }
}

#[test]
fn keys_that_others_can_read_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.pem");
    let pin = Identity::load_or_create(&path).unwrap().pin();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = Identity::load_or_create(&path).unwrap_err();
        assert!(matches!(error, IdentityError::File(Exposed::Mode { .. })), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(Identity::load_or_create(&path).unwrap().pin(), pin);

    let link = dir.path().join("link.pem");
    symlink(&path, &link).unwrap();
    let error = Identity::load_or_create(&link).unwrap_err();
    assert!(matches!(error, IdentityError::File(Exposed::Kind { .. })), "{error}");
    fs::write(dir.path().join("none.pem"), "no key").unwrap();
    fs::set_permissions(dir.path().join("none.pem"), Permissions::from_mode(0o600)).unwrap();
    let error = Identity::load_or_create(&dir.path().join("none.pem")).unwrap_err();
    assert!(matches!(error, IdentityError::Unusable { .. }), "{error}");

    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    let error = Dirs::within(&open).config().map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
    assert!(Dirs::within(dir.path().join("fresh")).config().is_ok(), "it is made as it should be");
}

#[test]
fn half_of_a_key_is_never_found_and_two_programs_get_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.pem");
    let pins: Vec<Pin> = thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Identity::load_or_create(&path).unwrap().pin()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["key.pem"]);
}

#[test]
fn a_key_and_a_certificate_of_another_are_no_identity() {
    let (one, _) = identity();
    let (two, _) = identity();
    let read = |dir: &TempDir| fs::read_to_string(dir.path().join("key.pem")).unwrap();
    let key = read(&one).split_once("-----BEGIN CERTIFICATE").unwrap().0.to_owned();
    let certificate = read(&two).split_once("-----END PRIVATE KEY-----").unwrap().1.to_owned();
    let path = one.path().join("key.pem");
    fs::write(&path, key + &certificate).unwrap();
    let error = Identity::load(&path).unwrap_err();
    assert!(matches!(error, IdentityError::Unusable { .. }), "{error}");
}

#[test]
fn a_server_of_the_same_user_is_found_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = Dirs::within(dir.path().join("keys"));
    let (here, elsewhere) = ("127.0.0.1:7878".parse().unwrap(), "192.0.2.1:7878".parse().unwrap());
    assert!(local_server(&dirs, here).unwrap().is_none());
    let pin = Pin::of_key(b"server");
    let trust = LocalTrust::announce(&dirs, pin, &[here]).unwrap();
    let (identity, server) = local_server(&dirs, here).unwrap().unwrap();
    assert_eq!((identity.pin(), server), (trust.client(), pin));
    assert!(local_server(&dirs, elsewhere).unwrap().is_none(), "only on this machine");
    drop(trust);
    assert!(local_server(&dirs, here).unwrap().is_none());
}
