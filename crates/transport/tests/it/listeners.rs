//! Which addresses are listened on, and accepting.

use framing_transport::{Accepted, ListenError, Listeners, Waker, connect};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn every_address_of_the_machine_may_be_listened_on() {
    let listeners = Listeners::bind(&["0.0.0.0:0", "127.0.0.2:0"]).unwrap();
    let [all, one] = listeners.addresses() else { panic!("{listeners:?}") };
    assert!(all.ip().is_unspecified() && one.ip().is_loopback(), "{listeners:?}");
}

#[test]
fn addresses_that_are_none_are_refused() {
    assert!(matches!(Listeners::bind::<&str>(&[]), Err(ListenError::NoAddress)));
    for address in ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"] {
        let error = Listeners::bind(&[address]).unwrap_err();
        assert!(matches!(error, ListenError::Resolve { .. }), "{address}: {error:?}");
    }
}

#[test]
fn an_address_in_use_is_named() {
    let first = Listeners::bind(&["127.0.0.1:0"]).unwrap();
    let address = first.addresses()[0].to_string();
    let error = Listeners::bind(&[&address]).unwrap_err();
    assert!(matches!(error, ListenError::Bind { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn every_address_is_served_and_a_waker_ends_the_wait() {
    let mut listeners = Listeners::bind(&["127.0.0.1:0", "127.0.0.2:0", "localhost:0"]).unwrap();
    let addresses = listeners.addresses().to_vec();
    assert!(addresses.len() >= 3);
    assert_eq!(
        addresses.iter().map(SocketAddr::port).collect::<HashSet<_>>().len(),
        addresses.len()
    );
    let waker = Waker::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let streams: Vec<_> =
                addresses.iter().map(|a| connect(&a.to_string(), PATIENCE)).collect();
            assert!(streams.iter().all(Result::is_ok), "{streams:?}");
            streams
        });
        for _ in &addresses {
            assert!(matches!(listeners.accept(&waker).unwrap(), Accepted::Connection { .. }));
        }
        scope.spawn(|| waker.wake());
        assert!(matches!(listeners.accept(&waker).unwrap(), Accepted::Woken));
    });
    // It stays woken, for everybody else who waits on it.
    assert!(matches!(listeners.accept(&waker).unwrap(), Accepted::Woken));
}
