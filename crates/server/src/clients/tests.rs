use super::*;
use time::macros::{date, datetime};

const PIN: &str = "SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564";
const OTHER: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

fn here() -> IpAddr {
    "10.1.2.3".parse().unwrap()
}

#[test]
fn a_line_is_read_as_it_is_written() {
    let line = format!("{PIN} name=ci roles=echo,files from=10.0.0.0/8,::1/128 expires=2027-01-01");
    let client: Client = line.parse().unwrap();
    assert_eq!(client.to_string(), line);
    assert_eq!(client.expires, Some(date!(2027 - 01 - 01)));
    let bare: Client = PIN.parse().unwrap();
    assert_eq!(bare.to_string(), format!("{PIN} roles="));
    assert_eq!(network("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
}

#[test]
fn what_is_not_listed_or_not_now_or_not_from_here_is_denied() {
    let text = format!("# ours\n\n{PIN} roles=echo from=10.1.0.0/16 expires=2027-01-01\n");
    let clients: Clients = text.parse().unwrap();
    let (pin, other): (Pin, Pin) = (PIN.parse().unwrap(), OTHER.parse().unwrap());
    let (before, after) = (datetime!(2026-12-31 23:59:59 UTC), datetime!(2027-01-01 00:00 UTC));
    assert_eq!(clients.admit(pin, here(), before).unwrap().roles.to_string(), "echo");
    assert_eq!(clients.admit(other, here(), before), Err(NotAdmitted::Unknown));
    assert_eq!(clients.admit(pin, here(), after), Err(NotAdmitted::Expired));
    // It is the same moment, elsewhere on the globe.
    let east = datetime!(2027-01-01 08:00 +9);
    assert!(clients.admit(pin, here(), east).is_ok());
    let elsewhere = "10.2.0.1".parse().unwrap();
    assert_eq!(clients.admit(pin, elsewhere, before), Err(NotAdmitted::Elsewhere));
    // What an IPv6 socket says of an IPv4 client.
    let mapped = "::ffff:10.1.2.3".parse().unwrap();
    assert!(clients.admit(pin, mapped, before).is_ok());
}

#[test]
fn of_several_lines_for_a_key_the_last_one_counts() {
    let text = format!("{PIN} roles=exec:any\n{PIN} roles=echo\n");
    let clients: Clients = text.parse().unwrap();
    let now = datetime!(2026-01-01 00:00 UTC);
    let client = clients.admit(PIN.parse().unwrap(), here(), now).unwrap();
    assert_eq!(client.roles.to_string(), "echo");
}

#[test]
fn one_bad_line_refuses_the_whole_file_and_is_named() {
    let bad = [
        ("roles=echo", r#""roles=echo" is no pin"#),
        (&format!("{PIN} roles=root"), r#""root" is no role"#),
        (&format!("{PIN} name=a/b"), r#""a/b" is no name"#),
        (&format!("{PIN} from=10.0.0.0/33"), r#""10.0.0.0/33" is neither"#),
        (&format!("{PIN} expires=tomorrow"), r#""tomorrow" is no date"#),
        (&format!("{PIN} role=echo"), r#""role=echo" is not known"#),
        (&format!("{PIN} echo"), r#""echo" is not known"#),
        (&format!("{PIN} from=10.0.0.1 from=0.0.0.0/0"), "from= is there twice"),
    ];
    for (line, what) in bad {
        let text = format!("# fine\n{OTHER} roles=echo\n{line}\n");
        let told = text.parse::<Clients>().unwrap_err().to_string();
        assert!(told.starts_with("line 3: ") && told.contains(what), "{told}");
    }
}

#[test]
fn a_change_keeps_what_it_does_not_concern() {
    let dir = tempfile::tempdir().unwrap();
    let file =
        ClientsFile::within(&framing_transport::Dirs::within(dir.path().join("keys"))).unwrap();
    assert_eq!(file.read().unwrap(), Clients::default());
    file.authorize(&format!("{PIN} name=ci roles=exec:any").parse().unwrap()).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), format!("# by hand\n{text}")).unwrap();
    file.authorize(&format!("{OTHER} name=me roles=files").parse().unwrap()).unwrap();
    // Another key under a name that is taken changes nothing; the same key is changed in its place.
    let taken = file.authorize(&format!("{OTHER} name=ci roles=exec:any").parse().unwrap());
    assert!(matches!(taken, Err(ClientsError::Taken { .. })), "{taken:?}");
    file.authorize(&format!("{PIN} name=ci roles=echo").parse().unwrap()).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(text, format!("# by hand\n{OTHER} name=me roles=files\n{PIN} name=ci roles=echo\n"));

    assert!(matches!(file.revoke("nobody"), Err(ClientsError::Absent { .. })));
    assert_eq!(file.revoke("ci").unwrap()[0].pin.to_string(), PIN);
    assert_eq!(file.revoke(OTHER).unwrap()[0].name.as_deref(), Some("me"));
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "# by hand\n");
}
