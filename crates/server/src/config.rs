//! `server.toml`: what the command line can say, and more.
//!
//! ```toml
//! listen = ["0.0.0.0:7878"]
//! root = "/srv/files"
//!
//! [limits]
//! per_source = 16
//! exempt = ["127.0.0.0/8", "10.1.2.3"]
//!
//! [deadlines]
//! idle = "10m"
//! ```
//!
//! A flag goes before a variable (`FRAMING_LISTEN` and its like), that before the file, and the file before
//! what `framing-server check-config` shows without one. What the file says that means nothing is an error.

mod writable;

use crate::clients::network;
use crate::{ExecPolicy, Limits, Options, PolicyError};
use bytesize::ByteSize;
use framing_protocol::Deadlines;
use framing_protocol::message::Escaped;
use framing_transport::{Dirs, Exposed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::{Display, Write};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All that can be set, each as it is written in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
pub(crate) struct Config {
    pub(crate) listen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<PathBuf>,
    pub(crate) writable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_upload: Option<ByteSize>,
    pub(crate) local_trust: bool,
    pub(crate) exec_any: bool,
    pub(crate) exec_shell: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec_policy: Option<PathBuf>,
    pub(crate) grace: Time,
    /// Where it stands.
    #[serde(skip)]
    file: Option<PathBuf>,
    limits: LimitsTable,
    deadlines: DeadlinesTable,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LimitsTable {
    connections: usize,
    strangers: usize,
    per_source: usize,
    failures: usize,
    penalty: Time,
    exempt: Vec<Network>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeadlinesTable {
    hello: Time,
    header: Time,
    message: Time,
    slow_reader: Time,
    idle: Time,
    ping: Time,
    pings: u32,
    close: Time,
}

/// A time above zero, such as `10s`, `1m 30s` or `500ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Time(Duration);

impl Time {
    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Network(ipnet::IpNet);

/// Why a file cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its place cannot be used.
    #[error(transparent)]
    Place(#[from] Exposed),
    /// What it says cannot be done.
    #[error("{what}")]
    Value {
        /// What, and why not.
        what: String,
    },
    /// The policy for commands cannot be followed.
    #[error("{path:?}: {source}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What it says, and why that cannot be.
        source: PolicyError,
    },
    /// It says something that means nothing.
    #[error("{path:?}: {}", .source.to_string().trim_end())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// What the file says, and the defaults for the rest. Paths in it begin where it lies.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(&read(path)?).map_err(|source| {
            ConfigError::Parse { path: path.to_owned(), source: Box::new(source) }
        })?;
        let beside =
            |named: PathBuf| path.parent().map_or(named.clone(), |folder| folder.join(named));
        config.root = config.root.map(beside);
        config.exec_policy = config.exec_policy.map(beside);
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// As options of a server with these keys.
    pub(crate) fn options(self, dirs: Dirs) -> Result<Options, ConfigError> {
        self.check_writable()?;
        let named = self.policy()?;
        let LimitsTable { connections, strangers, per_source, failures, penalty, exempt } =
            self.limits;
        let exempt = exempt.into_iter().map(|network| network.0).collect();
        let penalty = penalty.0;
        let DeadlinesTable { hello, header, message, slow_reader, idle, ping, pings, close } =
            self.deadlines;
        Ok(Options {
            local_trust: self.local_trust,
            listen: self.listen,
            root: self.root,
            writable: self.writable,
            max_upload: self.max_upload.map(|size| size.as_u64()),
            exec: ExecPolicy { any: self.exec_any, shell: self.exec_shell, ..named },
            limits: Limits { connections, strangers, per_source, failures, penalty, exempt },
            grace: self.grace.0,
            deadlines: Deadlines {
                hello: hello.0,
                header: header.0,
                message: message.0,
                slow_reader: slow_reader.0,
                idle: idle.0,
                ping: ping.0,
                pings,
                close: close.0,
            },
            ..Options::new(dirs)
        })
    }

    /// What the policy file says, if there is one.
    fn policy(&self) -> Result<ExecPolicy, ConfigError> {
        let Some(path) = &self.exec_policy else { return Ok(ExecPolicy::default()) };
        read(path)?.parse().map_err(|source| ConfigError::Policy { path: path.clone(), source })
    }

    /// What can be told without a server about whether it would start.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let port = |address: &String| {
            let named = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            named.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        };
        if let Some(address) = self.listen.iter().find(|address| !port(address)) {
            let what = format!("listen: {address:?} is no HOST:PORT such as 127.0.0.1:7878");
            return Err(ConfigError::Value { what });
        }
        self.check_writable()?;
        if let Some(root) = self.root.as_ref().filter(|root| !root.is_dir()) {
            let root = Escaped(root.as_os_str().as_encoded_bytes());
            return Err(ConfigError::Value { what: format!("root: {root} is no directory") });
        }
        let policy = self.policy()?;
        for (name, command) in &policy.commands {
            command
                .check(self.root.as_deref())
                .map_err(|what| ConfigError::Value { what: format!("commands.{name}: {what}") })?;
        }
        Ok(())
    }

    /// What the policy file comes to, as remarks below the settings.
    pub(crate) fn policy_explained(&self) -> Result<String, ConfigError> {
        if self.exec_policy.is_none() {
            return Ok(String::new());
        }
        let policy = self.policy()?;
        let mut text = format!(
            "\n# commands: {}; at most {} at a time go on without their clients\n",
            policy.caps, policy.detached
        );
        for (name, command) in &policy.commands {
            let _ = writeln!(text, "# @{name}: {command}; {}", command.caps);
        }
        Ok(text)
    }

    /// The file that would say all of it, with a word on each line.
    pub(crate) fn explained(&self) -> String {
        let mut plain = toml::to_string(self).unwrap_or_default();
        for (key, value, set) in [
            ("exec_policy", "FILE", self.exec_policy.is_some()),
            ("max_upload", "1GiB", self.max_upload.is_some()),
            ("root", "DIR", self.root.is_some()),
        ] {
            if !set {
                plain.insert_str(0, &format!("# {key} = \"{value}\"\n"));
            }
        }
        let explain = |line: &str| {
            let key = line.trim_start_matches("# ").split(" = ").next().unwrap_or_default();
            match EXPLANATIONS.iter().find(|(known, _)| *known == key) {
                Some((_, meaning)) => format!("{line:<40} # {meaning}\n"),
                None => format!("{line}\n"),
            }
        };
        plain.lines().map(explain).collect::<Vec<_>>().concat()
    }
}

impl Default for Config {
    fn default() -> Self {
        // Where keys are kept is nothing that a file in that very place could say.
        let Options {
            listen,
            root,
            writable,
            max_upload,
            local_trust,
            exec,
            limits,
            grace,
            deadlines,
            ..
        } = Options::new(Dirs::within(""));
        Self {
            listen,
            root,
            writable,
            max_upload: max_upload.map(ByteSize::b),
            local_trust,
            exec_any: exec.any,
            exec_shell: exec.shell,
            exec_policy: None,
            file: None,
            grace: Time(grace),
            limits: limits.into(),
            deadlines: deadlines.into(),
        }
    }
}

impl Default for LimitsTable {
    fn default() -> Self {
        Limits::default().into()
    }
}

impl Default for DeadlinesTable {
    fn default() -> Self {
        Deadlines::default().into()
    }
}

impl From<Limits> for LimitsTable {
    fn from(limits: Limits) -> Self {
        let Limits { connections, strangers, per_source, failures, penalty, exempt } = limits;
        let exempt = exempt.into_iter().map(Network).collect();
        Self { connections, strangers, per_source, failures, penalty: Time(penalty), exempt }
    }
}

impl From<Deadlines> for DeadlinesTable {
    fn from(deadlines: Deadlines) -> Self {
        let Deadlines { hello, header, message, slow_reader, idle, ping, pings, close } = deadlines;
        Self {
            hello: Time(hello),
            header: Time(header),
            message: Time(message),
            slow_reader: Time(slow_reader),
            idle: Time(idle),
            ping: Time(ping),
            pings,
            close: Time(close),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(time) if !time.is_zero() => Ok(Self(time)),
            Ok(_) => Err(bad(&text, "a time is above zero")),
            Err(error) => Err(bad(&text, error)),
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        network(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn bad<E: serde::de::Error>(text: &str, why: impl Display) -> E {
    E::custom(format_args!("{text:?} is no time such as 10s, 5m or 500ms: {why}"))
}

/// What each key means.
const EXPLANATIONS: [(&str, &str); 23] = [
    ("listen", "where to listen, each HOST:PORT; port 0 takes a free one"),
    ("root", "the files below it are served; without it none are"),
    ("writable", "clients with the role files:write may put files there"),
    ("max_upload", "the most bytes that one such file may have"),
    ("local_trust", "clients of this user on this machine need not be listed"),
    ("exec_any", "clients with the role exec:any may run any program"),
    ("exec_shell", "clients with the role exec:shell may run any line of shell"),
    ("exec_policy", "the commands that clients may run by name, and what commands may take"),
    ("grace", "from asking a command to end until it is killed"),
    ("connections", "most connections of known clients at a time"),
    ("strangers", "most connections beside them whose clients have not proved who they are"),
    ("per_source", "most connections of one address, or of one IPv6 network of 64 bits"),
    ("failures", "after so many within a minute a source is barred"),
    ("penalty", "for how long"),
    ("exempt", "networks of which neither is asked"),
    ("hello", "from the first byte of a connection to the end of its greeting, handshake included"),
    ("header", "from the first byte of a message to the end of its header"),
    ("message", "from the first byte of a message to its last"),
    ("slow_reader", "without any progress of what is to be sent"),
    ("idle", "without a request"),
    ("ping", "silence before the other side is asked whether it is there"),
    ("pings", "how often it is asked in vain"),
    ("close", "for the last words of a connection"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn what_is_shown_is_read_as_it_was_and_every_line_is_explained() {
        let config = Config { root: Some("/srv".into()), ..Config::default() };
        let shown = config.explained();
        assert_eq!(parse(&shown).unwrap(), config);
        for line in shown.lines().filter(|line| !line.is_empty() && !line.starts_with('[')) {
            assert!(line.contains(" # "), "{line}");
        }
        let options = config.options(Dirs::within("keys")).unwrap();
        assert_eq!((options.limits, options.deadlines), (Limits::default(), Deadlines::default()));
    }

    #[test]
    fn the_file_changes_what_it_names_and_nothing_else() {
        let text = "exec_any = true\n[limits]\nexempt = []\nper_source = 3\n[deadlines]\nidle = \"1h 5m\"\n";
        let options = parse(text).unwrap().options(Dirs::within("keys")).unwrap();
        let limits = Limits { exempt: Vec::new(), per_source: 3, ..Limits::default() };
        let deadlines = Deadlines { idle: Duration::from_secs(3900), ..Deadlines::default() };
        assert_eq!((options.limits, options.deadlines), (limits, deadlines));
        assert!(options.exec.any && !options.exec.shell && options.local_trust);
    }

    #[test]
    fn what_means_nothing_is_named() {
        for (text, told) in [
            ("lisen = []", "unknown field `lisen`"),
            ("[limits]\nconections = 1", "unknown field `conections`"),
            ("[deadlines]\nidle = 5", "invalid type: integer"),
            ("[deadlines]\nidle = \"soon\"", "is no time such as 10s"),
            ("[deadlines]\nidle = \"0s\"", "a time is above zero"),
            ("[limits]\nexempt = [\"10.0.0.0/33\"]", "neither an address nor a network"),
            ("[limits]\nconnections = -1", "invalid value"),
            ("listen = \"a:1\"", "invalid type: string"),
            ("listen", "expected"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
