//! The commands that need no running server: whose keys are known, and what ours is.

use crate::args::{Authorize, Command, config, config_file};
use crate::clients::{Client, ClientsFile};
use crate::roles::Roles;
use anyhow::{Context, bail};
use framing_protocol::message::Escaped;
use framing_transport::{Dirs, Identity, Invitation, Pin, running_servers};
use std::io::{self, Write};
use std::path::PathBuf;

/// The file of the server's own key.
pub(crate) fn identity_file(dirs: &Dirs) -> Result<PathBuf, framing_transport::Exposed> {
    Ok(dirs.config()?.join("server.pem"))
}

/// Does what was asked for, other than to serve.
pub(crate) fn run(command: &Command, dirs: &Dirs) -> anyhow::Result<()> {
    match command {
        Command::Serve(_) => Ok(()),
        Command::CheckConfig { file, settings } => {
            let config = settings.clone().over(config(file.as_deref(), dirs)?);
            config.check()?;
            let from = match config_file(file.as_deref(), dirs)? {
                Some(path) => Escaped(path.as_os_str().as_encoded_bytes()).to_string(),
                None => "no file, so by the defaults".to_owned(),
            };
            say(&format!(
                "# {from}; flags and variables go before it\n{}{}",
                config.explained(),
                config.policy_explained()?
            ))
        }
        Command::Fingerprint { certificate } => {
            let identity = Identity::load_or_create(&identity_file(dirs)?)?;
            if *certificate {
                return say(identity.certificate_pem());
            }
            say(&format!("{}\n", identity.pin()))
        }
        Command::Invite(invite) => {
            let pin = Identity::load_or_create(&identity_file(dirs)?)?.pin();
            let server = match &invite.address {
                Some(address) => address.clone(),
                None => own_address(dirs, pin)?,
            };
            let listed = ClientsFile::within(dirs)?.read()?;
            if invite.name.is_some() && listed.iter().any(|client| client.name == invite.name) {
                bail!("a client of that name is listed already: framing-server clients");
            }
            let token = crate::invite(dirs, &invite.roles, invite.name.as_deref())?;
            say(&format!("{}\n", Invitation { server, pin, token }))?;
            let told = "for one client, within ten minutes; there: framing-client pair, and paste the line";
            // If nobody listens on standard error the line is there all the same.
            let _ = writeln!(io::stderr(), "{told}");
            Ok(())
        }
        Command::Clients => {
            let clients = ClientsFile::within(dirs)?.read()?;
            clients.iter().try_for_each(|client| say(&format!("{client}\n")))
        }
        Command::Authorize(authorize) => {
            let file = ClientsFile::within(dirs)?;
            let client = file.change(authorize.pin, |listed| merged(authorize, listed))?;
            if client.roles == Roles::default() {
                let _ = writeln!(io::stderr(), "it may do nothing yet: --roles says what it may");
            }
            say(&format!("{client}\n"))
        }
        Command::Revoke { who } => {
            let revoked = ClientsFile::within(dirs)?.revoke(who)?;
            revoked.iter().try_for_each(|client| say(&format!("revoked {client}\n")))
        }
    }
}

/// Where the server that runs with this key is found, as far as that can be told.
fn own_address(dirs: &Dirs, pin: Pin) -> anyhow::Result<String> {
    match running_servers(dirs, pin)?[..] {
        [] => bail!(
            "no server of yours is known to run here (one without local trust does not say so); say where it \
             is: --address HOST:PORT"
        ),
        [address] if address.ip().is_unspecified() => {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            Ok(format!("{host}:{}", address.port()))
        }
        [address] => Ok(address.to_string()),
        ref several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            bail!(
                "your server listens on {}; say which: --address HOST:PORT",
                several.join(" and ")
            )
        }
    }
}

/// What is asked for, and for the rest what is listed already.
fn merged(asked: &Authorize, listed: Option<&Client>) -> Client {
    let listed = listed.cloned();
    let default = Client {
        pin: asked.pin,
        name: None,
        roles: Roles::default(),
        from: Vec::new(),
        expires: None,
    };
    let listed = listed.unwrap_or(default);
    Client {
        pin: asked.pin,
        name: asked.name.clone().or(listed.name),
        roles: asked.roles.clone().unwrap_or(listed.roles),
        from: asked.from.as_ref().map_or(listed.from, |from| from.0.clone()),
        expires: asked.expires.map_or(listed.expires, |expires| expires.0),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        // Whoever read it had enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
