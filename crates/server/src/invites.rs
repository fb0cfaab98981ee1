//! Invitations that are out: each lets one key in, once, within ten minutes.
//!
//! ```text
//! # the hash of the token, and what it is worth until when (seconds of Unix time)
//! SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564 until=1798761600 name=ci roles=echo,files
//! ```

use crate::clients::{Client, ClientsError, ClientsFile};
use crate::lock::lock;
use crate::roles::{Roles, is_name};
use framing_protocol::message::Token;
use framing_transport::{Dirs, Exposed, Pin, TokenHash, new_token, read_private, write_private};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A token that lets in one client, once, within ten minutes: for these roles, and under that name, or the one
/// that the client chooses. The server at the same directories takes it; an
/// [`Invitation`](framing_transport::Invitation) says where that is.
pub fn invite(dirs: &Dirs, roles: &Roles, name: Option<&str>) -> Result<Token, Exposed> {
    Invites::within(dirs)?.issue(roles, name)
}

/// The list of those that are out.
#[derive(Debug, Clone)]
pub(crate) struct Invites(PathBuf);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Invite {
    hash: TokenHash,
    /// Seconds of Unix time.
    until: u64,
    name: Option<String>,
    roles: Roles,
}

/// Why an invitation is not redeemed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRedeemed {
    /// One answer for all, which tells nothing of tokens that exist.
    #[error(
        "this invitation is not valid: it was used already, it has expired, or it never was one"
    )]
    Invalid,
    /// The client's name for itself is none.
    #[error("{0:?} is no name: 1 to 64 letters, digits, dots, dashes and underscores")]
    Name(String),
    /// The list of clients does not take it.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The list of invitations cannot be used.
    #[error(transparent)]
    File(#[from] Exposed),
}

impl Invites {
    pub(crate) fn within(dirs: &Dirs) -> Result<Self, Exposed> {
        Ok(Self(dirs.state()?.join("invites")))
    }

    /// A new one, for these roles and under that name, or the one that the client chooses.
    pub(crate) fn issue(&self, roles: &Roles, name: Option<&str>) -> Result<Token, Exposed> {
        let _lock = lock(&self.0)?;
        let now = now();
        let failed = |source: io::Error| Exposed::Io { path: self.0.clone(), source };
        let token = new_token().map_err(failed)?;
        let mut invites = self.read(now)?;
        invites.push(Invite {
            hash: TokenHash::of(&token),
            until: now.saturating_add(VALID.as_secs()),
            name: name.map(str::to_owned),
            roles: roles.clone(),
        });
        self.write(&invites)?;
        Ok(token)
    }

    /// Lists the client with this key, if the token is that of an invitation, which is used up by it.
    pub(crate) fn redeem(
        &self,
        token: &Token,
        name: &str,
        pin: Pin,
        clients: &ClientsFile,
    ) -> Result<Client, NotRedeemed> {
        let _lock = lock(&self.0)?;
        let mut invites = self.read(now())?;
        // All are compared, whichever it is.
        let matching = |(at, invite): (usize, &Invite)| invite.hash.matches(token).then_some(at);
        let found: Vec<usize> = invites.iter().enumerate().filter_map(matching).collect();
        let [at] = found[..] else { return Err(NotRedeemed::Invalid) };
        let invite = invites.remove(at);
        let name = invite.name.unwrap_or_else(|| name.to_owned());
        if !is_name(&name) {
            return Err(NotRedeemed::Name(name));
        }
        let client =
            Client { pin, name: Some(name), roles: invite.roles, from: Vec::new(), expires: None };
        clients.check(&client)?;
        // First of all: it is used up even if the next step fails.
        self.write(&invites)?;
        clients.authorize(&client)?;
        Ok(client)
    }

    /// Those that have not expired. What is no invitation is none.
    fn read(&self, now: u64) -> Result<Vec<Invite>, Exposed> {
        let text = read_private(&self.0)?.unwrap_or_default();
        let invites = text.lines().filter_map(Invite::parse);
        Ok(invites.filter(|invite| invite.until > now).collect())
    }

    fn write(&self, invites: &[Invite]) -> Result<(), Exposed> {
        let text: Vec<String> = invites.iter().map(Invite::to_string).collect();
        write_private(&self.0, &text.concat())
    }
}

impl Invite {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let hash = words.next()?.parse().ok()?;
        let mut invite = Self { hash, until: 0, name: None, roles: Roles::default() };
        for word in words {
            match word.split_once('=')? {
                ("until", until) => invite.until = until.parse().ok()?,
                ("name", name) => invite.name = Some(name.to_owned()),
                ("roles", roles) => invite.roles = roles.parse().ok()?,
                _ => return None,
            }
        }
        Some(invite)
    }
}

/// As a line of the file.
impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, until, name, roles } = self;
        write!(f, "{hash} until={until}")?;
        if let Some(name) = name {
            write!(f, " name={name}")?;
        }
        writeln!(f, " roles={roles}")
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long an invitation can be redeemed.
const VALID: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    struct Home {
        _dir: tempfile::TempDir,
        invites: Invites,
        clients: ClientsFile,
    }

    fn home() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs::within(dir.path().join("keys"));
        let (invites, clients) =
            (Invites::within(&dirs).unwrap(), ClientsFile::within(&dirs).unwrap());
        Home { _dir: dir, invites, clients }
    }

    fn pin(of: u8) -> Pin {
        Pin::of_key(&[of])
    }

    #[test]
    fn an_invitation_lets_one_key_in_and_no_second_one() {
        let Home { invites, clients, _dir } = home();
        let token = invites.issue(&"echo,files".parse().unwrap(), None).unwrap();
        let other = invites.issue(&"echo".parse().unwrap(), Some("fixed")).unwrap();
        let text = std::fs::read_to_string(&invites.0).unwrap();
        assert!(!text.contains(token.as_str()), "only its hash is kept");

        let wrong = invites.redeem(&new_token().unwrap(), "guest", pin(1), &clients);
        assert!(matches!(wrong, Err(NotRedeemed::Invalid)), "{wrong:?}");
        let bad = invites.redeem(&token, "guest roles=exec:any", pin(1), &clients);
        assert!(matches!(bad, Err(NotRedeemed::Name(_))), "{bad:?}");
        let client = invites.redeem(&token, "guest", pin(1), &clients).unwrap();
        assert_eq!(client.to_string(), format!("{} name=guest roles=echo,files", pin(1)));
        let again = invites.redeem(&token, "guest", pin(2), &clients);
        assert!(matches!(again, Err(NotRedeemed::Invalid)), "{again:?}");
        // A name that is taken uses nothing up, and a name that was given wins.
        let unlucky = invites.issue(&"echo".parse().unwrap(), Some("guest")).unwrap();
        for _ in 0..2 {
            let error = invites.redeem(&unlucky, "x", pin(2), &clients).unwrap_err();
            assert!(matches!(error, NotRedeemed::Clients(ClientsError::Taken { .. })), "{error:?}");
        }
        let client = invites.redeem(&other, "guest", pin(2), &clients).unwrap();
        assert_eq!(client.name.as_deref(), Some("fixed"));
        assert_eq!(clients.read().unwrap().iter().count(), 2);
    }

    #[test]
    fn it_expires() {
        let Home { invites, clients, _dir } = home();
        let token = invites.issue(&"echo".parse().unwrap(), None).unwrap();
        let text = std::fs::read_to_string(&invites.0).unwrap();
        let until = invites.read(0).unwrap()[0].until;
        assert!(until > now() + 9 * 60 && until <= now() + 10 * 60);
        let past = text.replace(&format!("until={until}"), &format!("until={}", now()));
        write_private(&invites.0, &past).unwrap();
        let late = invites.redeem(&token, "guest", pin(1), &clients);
        assert!(matches!(late, Err(NotRedeemed::Invalid)), "{late:?}");
        assert_eq!(clients.read().unwrap().iter().count(), 0);
    }

    #[test]
    fn of_many_who_redeem_it_at_once_one_is_let_in() {
        let Home { invites, clients, _dir } = home();
        let token = invites.issue(&"echo".parse().unwrap(), None).unwrap();
        let redeemed: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8_u8)
                .map(|n| {
                    let (invites, clients, token) = (&invites, &clients, &token);
                    let name = format!("guest{n}");
                    scope.spawn(move || invites.redeem(token, &name, pin(n), clients).is_ok())
                })
                .collect();
            all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
        });
        assert_eq!((redeemed, clients.read().unwrap().iter().count()), (1, 1));
    }
}
