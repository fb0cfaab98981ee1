//! How many may come, and how often.

use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// What keeps a few from taking everything. A source is an IPv4 address, or an IPv6 network of 64 bits, which
/// is what one household or machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many connections are served at once; further clients are told to come back later. No more than
    /// three quarters of the files that the process may open. A hostile client can cost some 3 MB of
    /// memory, beside what its command takes.
    pub connections: usize,
    /// How many more may be open whose clients have not proved who they are; where there are more, the oldest of
    /// them has to go.
    pub strangers: usize,
    /// How many connections one source may have.
    pub per_source: usize,
    /// After so many connections of a source within a minute that came to nothing (it was never proved whose they
    /// are, the key is not known, the protocol was broken), none of it is taken for a while.
    pub failures: usize,
    /// For how long.
    pub penalty: Duration,
    /// Networks of which neither is asked: this machine, and proxies.
    pub exempt: Vec<IpNet>,
}

impl Limits {
    /// Whether nothing is asked of connections from there.
    pub fn exempts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            strangers: 128,
            per_source: 64,
            failures: 20,
            penalty: Duration::from_secs(60),
            exempt: vec![
                IpNet::new_assert([127, 0, 0, 0].into(), 8),
                IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
            ],
        }
    }
}
