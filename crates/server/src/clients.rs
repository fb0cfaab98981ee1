//! `authorized_clients`: who may connect, and what each may do.
//!
//! ```text
//! # one line for each key; what is not listed is denied
//! SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564 name=ci roles=echo,files from=10.0.0.0/8 expires=2027-01-01
//! ```
//!
//! `name` is for people, `roles` says what the client may do, `from` names the networks or addresses
//! that it may come from (all, without it), and from the day of `expires` on (UTC) the line is as if it
//! were not there. Of several lines for one key the last one counts.

mod edit;

use crate::roles::{BadRole, Roles, is_name};
use framing_transport::{BadPin, Pin};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

pub use edit::{ClientsError, ClientsFile};

/// All lines of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clients(Vec<Client>);

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its key.
    pub pin: Pin,
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub roles: Roles,
    /// Where it may come from; empty: from anywhere.
    pub from: Vec<IpNet>,
    /// The first day on which it may not connect any more, in UTC.
    pub expires: Option<Date>,
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Its key is not listed.
    #[error("its key is not known here")]
    Unknown,
    /// It came from elsewhere.
    #[error("its key may not be used from this address")]
    Elsewhere,
    /// Its time is over.
    #[error("its key has expired here")]
    Expired,
}

/// A line that cannot be read. All of the file is refused for it: what was meant to be a limit must not
/// be passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: Fault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not begin with a pin.
    #[error(transparent)]
    Pin(#[from] BadPin),
    /// A role that is none.
    #[error(transparent)]
    Role(#[from] BadRole),
    /// A name that could be taken for something else.
    #[error("{0:?} is no name: 1 to 64 letters, digits, dots, dashes and underscores")]
    Name(String),
    /// A network that is none.
    #[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
    Network(String),
    /// A date that is none.
    #[error("{0:?} is no date such as 2027-01-31")]
    Date(String),
    /// The same thing said twice.
    #[error("{0}= is there twice")]
    Twice(String),
    /// Something that means nothing here.
    #[error("{0:?} is not known: there are name=, roles=, from= and expires=")]
    Field(String),
}

impl Clients {
    /// The client with this key, if it may connect from there at that time.
    pub fn admit(
        &self,
        pin: Pin,
        from: IpAddr,
        now: OffsetDateTime,
    ) -> Result<&Client, NotAdmitted> {
        let client = self.0.iter().rfind(|client| client.pin == pin).ok_or(NotAdmitted::Unknown)?;
        let from = from.to_canonical();
        if !client.from.is_empty() && !client.from.iter().any(|network| network.contains(&from)) {
            return Err(NotAdmitted::Elsewhere);
        }
        let today = now.to_offset(time::UtcOffset::UTC).date();
        if client.expires.is_some_and(|expires| today >= expires) {
            return Err(NotAdmitted::Expired);
        }
        Ok(client)
    }

    /// Each client, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Client> {
        self.0.iter()
    }
}

impl<'c> IntoIterator for &'c Clients {
    type Item = &'c Client;
    type IntoIter = std::slice::Iter<'c, Client>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for Clients {
    type Err = BadLine;

    fn from_str(text: &str) -> Result<Self, BadLine> {
        let lines = text.lines().enumerate().filter(|(_, line)| !is_comment(line));
        let read =
            |(at, line): (usize, &str)| line.parse().map_err(|what| BadLine { line: at + 1, what });
        lines.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Client {
    type Err = Fault;

    fn from_str(line: &str) -> Result<Self, Fault> {
        let mut words = line.split_ascii_whitespace();
        let pin = words.next().unwrap_or_default().parse()?;
        let mut client =
            Self { pin, name: None, roles: Roles::default(), from: Vec::new(), expires: None };
        let mut fields = Vec::new();
        for word in words {
            let field = word.split_once('=').map_or(word, |(field, _)| field);
            if fields.contains(&field) {
                return Err(Fault::Twice(field.to_owned()));
            }
            fields.push(field);
            match word.split_once('=') {
                Some(("name", name)) if is_name(name) => client.name = Some(name.to_owned()),
                Some(("name", name)) => return Err(Fault::Name(name.to_owned())),
                Some(("roles", roles)) => client.roles = roles.parse()?,
                Some(("from", networks)) => {
                    client.from = networks.split(',').map(network).collect::<Result<_, _>>()?;
                }
                Some(("expires", date)) => client.expires = Some(day(date)?),
                _ => return Err(Fault::Field(word.to_owned())),
            }
        }
        Ok(client)
    }
}

/// As a line of the file.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pin)?;
        if let Some(name) = &self.name {
            write!(f, " name={name}")?;
        }
        write!(f, " roles={}", self.roles)?;
        if !self.from.is_empty() {
            let networks: Vec<String> = self.from.iter().map(IpNet::to_string).collect();
            write!(f, " from={}", networks.join(","))?;
        }
        if let Some(expires) = self.expires {
            write!(f, " expires={expires}")?;
        }
        Ok(())
    }
}

/// A network, or an address alone; of an IPv4 address in IPv6's clothes, the IPv4 address.
pub(crate) fn network(text: &str) -> Result<IpNet, Fault> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| text.parse()).map_err(|_| Fault::Network(text.to_owned()))
}

/// A day.
pub(crate) fn day(text: &str) -> Result<Date, Fault> {
    Date::parse(text, DAY).map_err(|_| Fault::Date(text.to_owned()))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

#[cfg(test)]
mod tests;
