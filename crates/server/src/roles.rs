//! What a client may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing that a client may do, as far as the server was started to do it at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `echo`: have text answered in upper case.
    Echo,
    /// `files`: read and list what is below the root.
    Files,
    /// `files:write`: put files there.
    FilesWrite,
    /// `exec:@NAME`: run the command of that name.
    ExecNamed(String),
    /// `exec:any`: run any program.
    ExecAny,
    /// `exec:shell`: run any line of shell.
    ExecShell,
}

/// What was to be a role and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no role: there are echo, files, files:write, exec:@NAME, exec:any and exec:shell"
)]
pub struct BadRole {
    /// What it was.
    pub text: String,
}

/// Several of them, in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether this is one of them.
    pub fn contains(&self, role: &Role) -> bool {
        self.0.contains(role)
    }

    /// Those that are among `others`, too.
    #[must_use]
    pub fn also_in(&self, others: &Self) -> Self {
        Self(self.0.intersection(&others.0).cloned().collect())
    }

    /// Each as it is written.
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(Role::to_string).collect()
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

/// Separated by commas.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

impl FromStr for Roles {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        text.split(',').filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("echo"),
            Self::Files => f.write_str("files"),
            Self::FilesWrite => f.write_str("files:write"),
            Self::ExecNamed(name) => write!(f, "exec:@{name}"),
            Self::ExecAny => f.write_str("exec:any"),
            Self::ExecShell => f.write_str("exec:shell"),
        }
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        Ok(match text {
            "echo" => Self::Echo,
            "files" => Self::Files,
            "files:write" => Self::FilesWrite,
            "exec:any" => Self::ExecAny,
            "exec:shell" => Self::ExecShell,
            _ => match text.strip_prefix("exec:@") {
                Some(name) if is_name(name) => Self::ExecNamed(name.to_owned()),
                _ => return Err(BadRole { text: text.to_owned() }),
            },
        })
    }
}

/// Whether this can be the name of a client or a command: nothing in it can be taken for something else
/// in a file of ours, on a command line or at a terminal.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        let text = "echo,files,files:write,exec:@deploy,exec:any,exec:shell";
        assert_eq!(text.parse::<Roles>().unwrap().to_string(), text);
        assert_eq!("".parse::<Roles>().unwrap(), Roles::default());
        for bad in ["exec", "exec:", "exec:@", "exec:@a b", "exec:@a/b", "Echo", "files ", "*"] {
            assert_eq!(bad.parse::<Roles>(), Err(BadRole { text: bad.to_owned() }));
        }
    }

    #[test]
    fn names_are_plain() {
        let long = "a".repeat(65);
        for bad in ["", &long, "a b", "a=b", "a,b", "a\n", "ü", "a roles=exec:any", "\u{1b}[1m"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("ci-runner_2.local") && is_name(&long[1..]));
    }
}
