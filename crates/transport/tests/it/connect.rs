//! Connecting, and what is said when it fails.

use framing_transport::{ConnectError, connect};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_refusal_names_every_address() {
    // Bound and not listening any more: nothing else takes the port meanwhile.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("127.0.0.1:{port}");
    match connect(&server, Duration::from_secs(20)) {
        Err(ConnectError::Unreachable { attempts, .. }) => {
            assert_eq!(attempts.len(), 1);
            assert_eq!(attempts[0].address.port(), port);
            assert_eq!(attempts[0].error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_that_is_none_is_told_apart() {
    for server in ["", "nowhere", "127.0.0.1:notaport"] {
        let error = connect(server, Duration::from_secs(20)).unwrap_err();
        assert!(matches!(error, ConnectError::Resolve { .. }), "{error:?}");
        assert!(error.to_string().contains("HOST:PORT"), "{error}");
    }
}

#[test]
fn no_time_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let error = connect(&server, Duration::ZERO).unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}
