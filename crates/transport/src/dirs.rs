//! Where keys and what belongs to them are kept.

use crate::private::{Exposed, make_private};
use etcetera::BaseStrategy;
use std::fs;
use std::path::{Path, PathBuf};

/// The directories of one user, or of one test or embedding program. Each is private: of mode 0700,
/// and refused when it belongs to somebody else or others may look into it.
///
/// | | holds | of the user, by the XDG base directory specification |
/// |---|---|---|
/// | `config` | `server.pem`, `client.pem`, `known_hosts`, `authorized_clients` | `$XDG_CONFIG_HOME/framing`, or `~/.config/framing` |
/// | `state` | what the programs remember | `$XDG_STATE_HOME/framing`, or `~/.local/state/framing` |
/// | `runtime` | `local`, by which a client finds the servers of the same user on the same machine | `$XDG_RUNTIME_DIR/framing`, or the state directory |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    config: PathBuf,
    state: PathBuf,
    runtime: PathBuf,
}

/// There is no place for keys.
#[derive(Debug, thiserror::Error)]
#[error("there is no home directory to keep keys in ({source}); set HOME")]
pub struct NoHome {
    source: etcetera::HomeDirError,
}

impl Dirs {
    /// Those of the user who runs this program.
    pub fn of_user() -> Result<Self, NoHome> {
        let base =
            etcetera::base_strategy::choose_base_strategy().map_err(|source| NoHome { source })?;
        let home = || base.home_dir().join(".local/state");
        let state = base.state_dir().unwrap_or_else(home);
        let runtime = base.runtime_dir().unwrap_or_else(|| state.clone());
        let [config, state, runtime] =
            [base.config_dir(), state, runtime].map(|dir| dir.join("framing"));
        Ok(Self { config, state, runtime })
    }

    /// All of them in one directory, which is made if it is not there.
    pub fn within(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { config: dir.clone(), state: dir.clone(), runtime: dir }
    }

    /// For keys and for who is trusted.
    pub fn config(&self) -> Result<&Path, Exposed> {
        make_private(&self.config)
    }

    /// For what the programs remember.
    pub fn state(&self) -> Result<&Path, Exposed> {
        make_private(&self.state)
    }

    /// For what lasts as long as a server runs.
    pub fn runtime(&self) -> Result<&Path, Exposed> {
        make_private(&self.runtime)
    }

    /// The one of these directories that lies in `dir`, or in which `dir` lies. All of them are there from now
    /// on.
    pub fn touching(&self, dir: &Path) -> Result<Option<&Path>, Exposed> {
        let real = |path: &Path| {
            let failed = |source| Exposed::Io { path: path.to_owned(), source };
            fs::canonicalize(path).map_err(failed)
        };
        let dir = real(dir)?;
        for path in [self.config()?, self.state()?, self.runtime()?] {
            let ours = real(path)?;
            if ours.starts_with(&dir) || dir.starts_with(&ours) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}
