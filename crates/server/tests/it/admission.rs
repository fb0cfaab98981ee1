//! Who is let in, what for, and until when.

use crate::caller::{Caller, PATIENCE, anything, argv_of, dirs, home, options, start};
use crate::daemon::{Daemon, binary};
use crate::guests::{Guest, Host};
use framing_protocol::client::{Client, Event, Settings};
use framing_protocol::message::Code;
use framing_protocol::{Closed, Machine};
use framing_server::{ExecPolicy, Limits, Options};
use framing_transport::{Dirs, Identity, Invitation, Link, Pin, connect, new_token, secure};
use rustix::process::Signal;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_key_that_is_not_listed_is_told_which_command_would_let_it_in() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    let failure = host.refuses(&guest);
    assert_eq!(failure.code, Code::Unauthorized);
    let command = format!("framing-server authorize {} --roles echo,files", guest.pin());
    assert!(failure.hint.unwrap().contains(&command));
    host.authorize(&guest, "roles=echo");
    assert_eq!(host.welcomes(&guest).1, ["echo"]);
}

#[test]
fn a_client_does_what_its_roles_say_and_the_server_was_started_for() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "content").unwrap();
    let host = Host::new(|options| Options { root: Some(root.path().to_owned()), ..options });
    let guest = Guest::new();
    host.authorize(&guest, "name=me roles=files,files:write,exec:any,exec:@deploy");
    let (mut caller, roles) = host.welcomes(&guest);
    assert_eq!(roles, ["files", "exec:any"]);
    assert_eq!(caller.get(&"file".into()).unwrap().1, b"content");
    assert_eq!(caller.list(".").unwrap().len(), 1);
    assert_eq!(caller.argv(&["echo", "a"]).unwrap().out, b"a\n");
    for (refused, role) in [
        (caller.upper(b"a").unwrap_err(), "echo"),
        (caller.shell("echo a").unwrap_err(), "exec:shell"),
    ] {
        assert_eq!(refused.code, Code::Denied);
        let roles = format!("--roles files,files:write,exec:@deploy,exec:any,{role}");
        let hint = refused.hint.unwrap();
        assert!(hint.contains(&guest.pin().to_string()) && hint.contains(&roles), "{hint}");
    }
    // It may not be refused here: nobody may.
    let closed = Host::new(|options| Options { exec: ExecPolicy::default(), ..options });
    closed.authorize(&guest, "roles=exec:any");
    let (mut caller, roles) = closed.welcomes(&guest);
    assert!(roles.is_empty());
    let refused = caller.argv(&["true"]).unwrap_err();
    assert_eq!(refused.hint.unwrap(), "start it with: framing-server --exec-any");
}

#[test]
fn where_and_until_when_is_asked_too() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    host.authorize(&guest, "roles=echo from=192.0.2.0/24");
    let failure = host.refuses(&guest);
    assert!(failure.code == Code::Unauthorized && failure.message.contains("from this address"));
    host.authorize(&guest, "roles=echo from=127.0.0.0/8 expires=2020-01-01");
    assert!(host.refuses(&guest).message.contains("has expired"));
    host.authorize(&guest, "roles=echo from=127.0.0.0/8 expires=2999-01-01");
    host.welcomes(&guest);
}

#[test]
fn whoever_is_revoked_is_out_and_everybody_else_is_not() {
    let (host, guest, other) = (Host::new(|options| options), Guest::new(), Guest::new());
    host.authorize(&guest, "name=guest roles=exec:any");
    host.authorize(&other, "name=other roles=echo");
    let (mut caller, _) = host.welcomes(&guest);
    let (mut bystander, _) = host.welcomes(&other);
    let (_, pid, _) = caller.begin(&argv_of(&["sh", "-c", "echo; exec sleep 1000"]));
    let start = Instant::now();
    host.list().revoke("guest").unwrap();
    loop {
        if let (Event::Closed { reason }, _) = caller.next() {
            assert_eq!(reason, Closed::Lost);
            break;
        }
    }
    assert!(start.elapsed() < PATIENCE);
    crate::processes::wait_until_reaped(pid);
    assert_eq!(host.refuses(&guest).code, Code::Unauthorized);
    assert_eq!(bystander.upper(b"still here").unwrap(), "STILL HERE");

    // Less than before is less at once: the connection ends, and the next one has what is left.
    host.authorize(&other, "name=other roles=files");
    assert!(matches!(bystander.next(), (Event::Closed { .. }, _)));
    host.welcomes(&other);
}

#[test]
fn a_list_that_cannot_be_read_lets_nobody_in_and_nobody_out() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    host.authorize(&guest, "roles=echo");
    let (mut caller, _) = host.welcomes(&guest);
    let good = fs::read_to_string(host.list().path()).unwrap();
    fs::write(host.list().path(), format!("{good}nonsense\n")).unwrap();
    let failure = host.refuses(&guest);
    assert!(failure.message.contains("cannot be read"), "{failure}");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(caller.upper(b"still here").unwrap(), "STILL HERE");
    fs::write(host.list().path(), good).unwrap();
    host.welcomes(&guest);
}

#[test]
fn the_same_user_on_this_machine_needs_no_line_unless_that_is_turned_off() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::unwelcomed(server.addresses()[0]);
    let (Event::Welcome { welcome }, _) = caller.next() else { panic!() };
    assert_eq!(welcome.roles, ["echo", "exec:any", "exec:shell"]);

    let host = Host::new(|options| Options { local_trust: false, ..options });
    let address = host.running.addresses()[0];
    assert!(framing_transport::local_server(&host.dirs, address).unwrap().is_none());
    // Not even with the key that it left at another time.
    let local = host.dirs.runtime().unwrap().join("local/identity.pem");
    let trust = framing_transport::LocalTrust::announce(&host.dirs, host.pin(), &[]).unwrap();
    let identity = Identity::load(&local).unwrap().unwrap();
    assert_eq!(identity.pin(), trust.client());
    let guest = Guest { identity, ..Guest::new() };
    assert_eq!(host.refuses(&guest).code, Code::Unauthorized);
}

#[test]
fn silent_strangers_keep_nobody_out_and_cost_no_client_its_place() {
    let host = Host::new(|options| {
        let limits = Limits { connections: 64, strangers: 8, ..Limits::default() };
        Options { limits, ..options }
    });
    let (address, guest) = (host.running.addresses()[0], Guest::new());
    host.authorize(&guest, "roles=echo");
    let (mut first, _) = host.welcomes(&guest);
    let mut crowd = Vec::new();
    for round in 0..20 {
        crowd.extend((0..10).map(|_| TcpStream::connect(address).unwrap()));
        let start = Instant::now();
        let (mut caller, _) = host.welcomes(&guest);
        assert_eq!(caller.upper(b"in").unwrap(), "IN", "{round}");
        assert!(start.elapsed() < PATIENCE);
    }
    // Those who came first are gone; they were told nothing.
    let mut oldest = crowd.remove(0);
    oldest.set_read_timeout(Some(PATIENCE)).unwrap();
    match oldest.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(first.upper(b"still here").unwrap(), "STILL HERE");
}

#[test]
fn the_binary_shows_and_changes_who_may_connect() {
    let run = |args: &[&str]| {
        let output = binary().args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, pin, _) = run(&["fingerprint"]);
    let server: Pin = pin.trim().parse().unwrap();
    assert_eq!(code, Some(0));
    let (_, certificate, _) = run(&["fingerprint", "--certificate"]);
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(certificate.ends_with("-----END CERTIFICATE-----\n"));
    let path = home().join("framing/server.pem");
    assert_eq!(Identity::load(&path).unwrap().unwrap().pin(), server);

    let daemon = Daemon::start(binary().args(["--listen", "127.0.0.1:0", "--exec-any"]), 1);
    let guest = Guest::new();
    let pin = guest.pin().to_string();
    let (code, listed, said) =
        run(&["authorize", &pin, "--name", "binary", "--roles", "echo", "--from", "127.0.0.0/8"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(listed, format!("{pin} name=binary roles=echo from=127.0.0.0/8\n"));
    // What is not given stays.
    let (_, listed, _) = run(&["authorize", &pin, "--roles", "echo,exec:any"]);
    assert_eq!(listed, format!("{pin} name=binary roles=echo,exec:any from=127.0.0.0/8\n"));
    assert!(run(&["clients"]).1.contains(&listed));
    // And can be taken back.
    let (_, later, _) = run(&["authorize", &pin, "--expires", "2999-01-31"]);
    assert_eq!(later.trim_end(), format!("{} expires=2999-01-31", listed.trim_end()));
    let (_, again, _) = run(&["authorize", &pin, "--expires", "never"]);
    assert_eq!(again, listed);
    let (_, anywhere, _) = run(&["authorize", &pin, "--from", "anywhere"]);
    assert_eq!(anywhere, format!("{pin} name=binary roles=echo,exec:any\n"));
    assert_eq!(run(&["authorize", &pin, "--from", "127.0.0.0/8"]).1, listed);
    let (code, _, said) = run(&["invite", "--name", "binary", "--address", "a:1"]);
    assert!(code == Some(1) && said.contains("listed already"), "{said}");
    let mut caller = guest.call(daemon.addresses[0], server);
    assert!(matches!(caller.next(), (Event::Welcome { .. }, _)));
    assert_eq!(run(&["revoke", "binary"]), (Some(0), format!("revoked {listed}"), String::new()));
    assert!(matches!(caller.next(), (Event::Closed { .. }, _)));
    let (code, _, said) = run(&["revoke", "binary"]);
    assert!(code == Some(1) && said.contains("neither the name nor the key"), "{said}");
    for (args, told) in [
        (&["authorize", "x"][..], "no pin"),
        (&["authorize", &pin, "--name", "a roles=exec:any"], "letters, digits"),
        (&["authorize", &pin, "--roles", "root"], "no role"),
        (&["authorize", &pin, "--from", "10.0.0.0/99"], "neither an address"),
        (&["authorize", &pin, "--expires", "soon"], "no date"),
    ] {
        let (code, out, said) = run(args);
        assert!(code == Some(2) && out.is_empty() && said.contains(told), "{args:?}: {said}");
    }
    let port = daemon.addresses[0].port().to_string();
    let announcement = dirs().runtime().unwrap().join("local").join(port);
    assert!(announcement.exists());
    // SIGHUP, by which daemons are told to look at their files, does not end it.
    daemon.signal(Signal::HUP);
    let mut own = Caller::at(daemon.addresses[0]);
    assert_eq!(own.upper(b"here").unwrap(), "HERE");
    drop(own);
    daemon.signal(Signal::TERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().all(|line| line.contains("may not do the same any more")), "{said}");
    assert!(!announcement.exists(), "it is not announced any more");
}

#[test]
fn a_refused_client_costs_nothing_but_its_handshake() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    let mut caller = host.call(&guest);
    // Whatever it sends with its greeting is never looked at.
    caller.client().upper(b"text").unwrap();
    caller.client().exec(&argv_of(&["sleep", "1000"])).unwrap_or_default();
    let mut events = Vec::new();
    loop {
        match caller.next() {
            (Event::Closed { reason: Closed::Refused(failure) }, _) => {
                assert_eq!(failure.code, Code::Unauthorized);
                break;
            }
            other => events.push(other),
        }
    }
    assert!(events.is_empty(), "{events:?}");
    assert!(caller.client().output().is_empty());
}

#[test]
fn the_binary_invites_for_the_server_that_runs() {
    let run = |args: &[&str]| {
        let output = binary().args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, line, said) = run(&["invite", "--address", "build.example.org:7878"]);
    assert!(code == Some(0) && said.contains("framing-client pair"), "{said}");
    let invitation: Invitation = line.trim().parse().unwrap();
    assert_eq!(invitation.server, "build.example.org:7878");
    for (args, told) in [
        (&["invite", "--address", "nowhere"][..], "HOST:PORT"),
        (&["invite", "--name", "a b"], "letters, digits"),
        (&["invite", "--role", "root"], "no role"),
    ] {
        let (code, out, said) = run(args);
        assert!(code == Some(2) && out.is_empty() && said.contains(told), "{args:?}: {said}");
    }
}

/// A guest that comes to pair.
fn pairing(host: &Host, guest: &Guest) -> Caller {
    let name = host.running.addresses()[0].to_string();
    let stream = connect(&name, PATIENCE).unwrap();
    let stream = secure(stream, &name, &guest.identity, Some(host.pin()), PATIENCE).unwrap();
    let settings = Settings { pairing: true, ..Settings::default() };
    let mut caller = Caller::over(Link::new(stream, Client::new(settings, Duration::ZERO)));
    let (Event::Welcome { welcome }, _) = caller.next() else { panic!() };
    assert_eq!(welcome.roles, [""; 0]);
    caller
}

#[test]
fn a_stranger_that_pairs_does_nothing_else_and_guesses_once() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    for (says_more, code) in [(false, Code::Unauthorized), (true, Code::Unauthorized)] {
        let mut caller = pairing(&host, &guest);
        let asked = caller.client().pair(&new_token().unwrap(), "guest").unwrap();
        match caller.next() {
            (Event::Error { id, failure }, _) if id == asked => assert_eq!(failure.code, code),
            other => panic!("{other:?}"),
        }
        if says_more {
            caller.client().upper(b"text").unwrap();
        } else {
            caller.client().pair(&new_token().unwrap(), "guest").unwrap();
        }
        match caller.next() {
            (Event::Closed { reason: Closed::Refused(failure) }, _) => {
                assert_eq!(failure.code, Code::Unauthorized);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(host.refuses(&guest).code, Code::Unauthorized);
}

#[test]
fn a_revocation_is_not_overlooked_while_others_come_and_go() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    host.authorize(&guest, "name=guest roles=echo");
    let (mut caller, _) = host.welcomes(&guest);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (noise, start) = (Guest::new(), Instant::now());
            // No longer than a test that fails takes to say so.
            while !over.load(Ordering::Relaxed) && start.elapsed() < 2 * PATIENCE {
                host.refuses(&noise);
            }
        });
        host.list().revoke("guest").unwrap();
        assert!(matches!(caller.next(), (Event::Closed { .. }, _)));
        over.store(true, Ordering::Relaxed);
    });
}

/// Its own direction is over, so that nothing is read from it any more.
#[test]
fn a_client_that_said_farewell_is_lost_and_revoked_like_any_other() {
    let (host, guest) = (Host::new(|options| options), Guest::new());
    host.authorize(&guest, "name=guest roles=exec:any");
    for revoked in [false, true] {
        let (mut caller, _) = host.welcomes(&guest);
        let line = argv_of(&["sh", "-c", "echo; exec sleep 1000"]);
        let (_, pid, _) = caller.begin(&line);
        let caller = caller.half_close();
        std::thread::sleep(Duration::from_millis(100));
        assert!(crate::processes::is_alive(pid), "a farewell is no loss");
        if revoked {
            host.list().revoke("guest").unwrap();
        } else {
            caller.reset();
        }
        crate::processes::wait_until_reaped(pid);
    }
}

#[test]
fn no_directory_that_touches_the_keys_is_served_not_even_at_the_first_start() {
    for root in ["", "framing", "framing/local", "a/../framing"] {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        if root.contains("framing") {
            // They are there before the server is.
            let dirs = Dirs::within(home.path().join("framing"));
            framing_transport::LocalTrust::announce(&dirs, Guest::new().pin(), &[]).unwrap();
        }
        let mut command = binary();
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, home.path());
        }
        let root = home.path().join(root);
        let output =
            command.args(["--listen", "127.0.0.1:0", "--root"]).arg(&root).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{root:?}: {said}");
        assert!(said.contains("refusing to serve files below"), "{root:?}: {said}");
    }
}
