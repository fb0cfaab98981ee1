//! Whether clients could change what decides about them.

use super::{Config, ConfigError};
use framing_protocol::message::Escaped;
use std::path::PathBuf;

impl Config {
    /// What clients may write must not decide what they may do.
    pub(super) fn check_writable(&self) -> Result<(), ConfigError> {
        if !self.writable {
            return Ok(());
        }
        let Some(root) = &self.root else {
            let what = "writable: there is no root below which files could be put; name one with \
                        --root DIR";
            return Err(ConfigError::Value { what: what.to_owned() });
        };
        // One that is not there is told elsewhere.
        let Ok(root) = root.canonicalize() else { return Ok(()) };
        let files = self.file.iter().chain(&self.exec_policy);
        let below = |file: &&PathBuf| file.canonicalize().is_ok_and(|file| file.starts_with(&root));
        if let Some(file) = files.into_iter().find(below) {
            let file = Escaped(file.as_os_str().as_encoded_bytes());
            let what = format!("writable: clients could change {file}, which is below the root");
            return Err(ConfigError::Value { what });
        }
        for (name, command) in &self.policy()?.commands {
            if let Some(word) = command.exposed(&root) {
                let what = format!(
                    "writable: clients could change {word:?}, which @{name} runs: it is below the root"
                );
                return Err(ConfigError::Value { what });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use framing_transport::Dirs;
    use std::fs;

    #[test]
    fn what_clients_may_write_decides_nothing() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let script = write("deploy.sh", "true");
        let policy = |argv: &str| {
            let path = elsewhere.path().join("policy");
            fs::write(&path, format!("[commands.deploy]\nargv = {argv}\n")).unwrap();
            Some(path)
        };
        let refused = |config: Config| {
            config.options(Dirs::within("keys")).map(|_| ()).map_err(|error| error.to_string())
        };
        let open =
            || Config { writable: true, root: Some(root.path().to_owned()), ..Config::default() };
        refused(open()).unwrap();
        assert!(refused(Config { root: None, ..open() }).unwrap_err().contains("--root DIR"));
        let own = Config { file: Some(write("server.toml", "")), ..open() };
        assert!(refused(own).unwrap_err().contains("server.toml, which is below the root"));
        let own = Config { exec_policy: Some(write("policy", "")), ..open() };
        assert!(refused(own.clone()).unwrap_err().contains("policy, which is below the root"));
        refused(Config { writable: false, ..own }).unwrap();
        for argv in [
            format!("[{script:?}]"),
            "['./deploy.sh']".to_owned(),
            "['sh', 'deploy.sh']".to_owned(),
            format!("['sh', '-e', {script:?}, '{{1}}']\nargs = ['x']"),
        ] {
            let told = refused(Config { exec_policy: policy(&argv), ..open() }).unwrap_err();
            assert!(told.contains("@deploy runs"), "{argv}: {told}");
        }
        for argv in ["['sh', 'none.sh']", "['true']", "['/bin/sh', '-c', 'true']"] {
            refused(Config { exec_policy: policy(argv), ..open() }).unwrap();
        }
    }
}
