//! The command line.

use crate::Options;
use crate::clients::{Fault, day, network};
use crate::config::{Config, ConfigError};
use crate::roles::{Roles, is_name};
use bytesize::ByteSize;
use clap::{Parser, Subcommand};
use framing_transport::{Dirs, Pin};
use ipnet::IpNet;
use std::path::{Path, PathBuf};
use time::Date;

/// Serves upper-case echo, remote commands and files over framed messages.
///
/// Every connection is encrypted (TLS 1.3), and both sides prove their keys. Clients of the same user on
/// this machine need nothing for that; others are listed by their keys (framing-server authorize).
/// Commands and files are off until a flag opens them.
#[derive(Debug, Parser)]
#[command(name = "framing-server", version, args_conflicts_with_subcommands = true)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until interrupted (what happens without a command, too)
    Serve(Serve),
    /// Show what a configuration file, flags and variables make of the server, with a word on every setting
    CheckConfig {
        /// The file [default: server.toml beside the keys]
        #[arg(env = "FRAMING_CONFIG")]
        file: Option<PathBuf>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Invite a client: show a line that lets one in, once, within ten minutes
    ///
    /// The line is as good as a password until then. On the client: framing-client pair, which asks for it.
    Invite(Invite),
    /// Let a client in, or change what it may do
    ///
    /// What is not given stays as it is listed. A running server sees the change at once.
    Authorize(Authorize),
    /// Strike a client out; its open connections end
    Revoke {
        /// Its name or its key
        #[arg(value_name = "NAME|KEY")]
        who: String,
    },
    /// Show who may connect
    Clients,
    /// Show the name of this server's key, for clients to compare
    Fingerprint {
        /// Show its certificate instead, in PEM, for other software that wants it in a file
        #[arg(long)]
        certificate: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    /// What the client may do, separated by commas
    #[arg(long, alias = "role", value_name = "ROLES", default_value = "echo,files")]
    pub(crate) roles: Roles,

    /// What people call it [default: what it calls itself]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,

    /// Where clients find this server [default: where it listens]
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) address: Option<String>,
}

fn address(text: &str) -> Result<String, &'static str> {
    let named = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = named.and_then(|(_, port)| port.parse::<u16>().ok());
    port.map(|_| text.to_owned()).ok_or("expected HOST:PORT")
}

#[derive(Debug, clap::Args)]
pub(crate) struct Authorize {
    /// The client's key: what `framing-client fingerprint` shows there
    #[arg(value_name = "KEY")]
    pub(crate) pin: Pin,

    /// What people call it
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,

    /// What it may do: echo, files, files:write, exec:@NAME, exec:any, exec:shell, separated by commas
    #[arg(long, value_name = "ROLES")]
    pub(crate) roles: Option<Roles>,

    /// Where it may come from: addresses and networks, separated by commas; or `anywhere`
    #[arg(long, value_name = "NETWORKS", value_parser = networks)]
    pub(crate) from: Option<Networks>,

    /// The day from which on it may not connect any more, such as 2027-01-31, in UTC; or `never`
    #[arg(long, value_name = "DAY", value_parser = expiry)]
    pub(crate) expires: Option<Expiry>,
}

/// Where a client may come from; from anywhere, if there are none.
#[derive(Debug, Clone)]
pub(crate) struct Networks(pub(crate) Vec<IpNet>);

/// When it may not come any more, if ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry(pub(crate) Option<Date>);

fn networks(text: &str) -> Result<Networks, Fault> {
    match text {
        "anywhere" => Ok(Networks(Vec::new())),
        _ => text.split(',').map(network).collect::<Result<_, _>>().map(Networks),
    }
}

fn expiry(text: &str) -> Result<Expiry, Fault> {
    match text {
        "never" => Ok(Expiry(None)),
        _ => day(text).map(|day| Expiry(Some(day))),
    }
}

/// A switch in a variable may be empty, which is as good as none.
fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "" | "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false"),
    }
}

fn name(text: &str) -> Result<String, &'static str> {
    let bad = "1 to 64 letters, digits, dots, dashes and underscores make a name";
    is_name(text).then(|| text.to_owned()).ok_or(bad)
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Read this file first [default: server.toml beside the keys, if it is there]
    ///
    /// Flags and variables go before what it says. See framing-server check-config.
    #[arg(long, value_name = "FILE", env = "FRAMING_CONFIG")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,
}

/// What goes before the file.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Listen here (HOST:PORT, port 0 for any free one); may be given several times [default:
    /// 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR", env = "FRAMING_LISTEN", value_delimiter = ',')]
    listen: Vec<String>,

    /// Serve the files below this directory; without it there are none
    #[arg(long, value_name = "DIR", env = "FRAMING_ROOT")]
    root: Option<PathBuf>,

    /// Let clients put files below the root, too, if they have the role files:write
    #[arg(long, env = "FRAMING_WRITABLE", value_name = "BOOL", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    writable: Option<bool>,

    /// Take no file of more bytes than that, such as 10GiB [default: as many as there is place for]
    #[arg(long, value_name = "BYTES", env = "FRAMING_MAX_UPLOAD")]
    max_upload: Option<ByteSize>,

    /// Let in nobody who is not listed, not even clients of this user on this machine
    #[arg(long, env = "FRAMING_NO_LOCAL_TRUST", value_name = "BOOL", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    no_local_trust: Option<bool>,

    /// Let clients run the commands that this file names, within the bounds that it sets
    #[arg(long, value_name = "FILE", env = "FRAMING_EXEC_POLICY")]
    exec_policy: Option<PathBuf>,

    /// Let clients run any program with any arguments, as the user who runs this server
    #[arg(long, env = "FRAMING_EXEC_ANY", value_name = "BOOL", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    exec_any: Option<bool>,

    /// Let clients run shell command strings, as the user who runs this server
    #[arg(long, env = "FRAMING_EXEC_SHELL", value_name = "BOOL", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    exec_shell: Option<bool>,
}

impl Args {
    /// What was asked for, as this user.
    pub fn job(self, dirs: Dirs) -> Result<Job, ConfigError> {
        let serve = match self.command {
            Some(Command::Serve(serve)) => serve,
            Some(command) => return Ok(Job::Keys(KeysJob { command, dirs })),
            None => self.serve,
        };
        let config = serve.settings.over(config(serve.config.as_deref(), &dirs)?);
        Ok(Job::Serve(Box::new(config.options(dirs)?)))
    }
}

impl Settings {
    /// The file's settings, but for what is said here.
    pub(crate) fn over(self, mut config: Config) -> Config {
        if !self.listen.is_empty() {
            config.listen = self.listen;
        }
        config.root = self.root.or(config.root);
        config.writable = self.writable.unwrap_or(config.writable);
        config.max_upload = self.max_upload.or(config.max_upload);
        config.local_trust = self.no_local_trust.map_or(config.local_trust, |no| !no);
        config.exec_policy = self.exec_policy.or(config.exec_policy);
        config.exec_any = self.exec_any.unwrap_or(config.exec_any);
        config.exec_shell = self.exec_shell.unwrap_or(config.exec_shell);
        config
    }
}

/// What the file says that was named, or the one in its usual place, if there is one.
pub(crate) fn config(named: Option<&Path>, dirs: &Dirs) -> Result<Config, ConfigError> {
    config_file(named, dirs)?.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))
}

/// The file that was named, or the one in its usual place, if there is one.
pub(crate) fn config_file(
    named: Option<&Path>,
    dirs: &Dirs,
) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = named {
        return Ok(Some(path.to_owned()));
    }
    let path = dirs.config()?.join("server.toml");
    // A link that leads nowhere is a mistake, and no reason to go by the defaults.
    Ok(path.symlink_metadata().is_ok().then_some(path))
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Job {
    /// To serve.
    Serve(Box<Options>),
    /// To show or change whose keys are known.
    Keys(KeysJob),
}

/// A command that needs no running server.
#[derive(Debug)]
pub struct KeysJob {
    command: Command,
    dirs: Dirs,
}

impl KeysJob {
    /// Does it, and writes what it shows to standard output.
    pub fn run(&self) -> anyhow::Result<()> {
        crate::keys::run(&self.command, &self.dirs)
    }
}

const EXIT_CODES: &str = "Exit codes: 0 ended by SIGINT or SIGTERM; 1 it could not go on; 2 flags, \
                          addresses or directories that cannot be used";
