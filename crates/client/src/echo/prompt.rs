//! A prompt: line editing, a history that outlives the session, an answer below each line.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::Answers;
use crate::error::Error;
use crate::report;
use crate::session::Session;
use crate::target::Target;

/// Answers lines until the end of the input (Ctrl-D).
pub(super) fn run(target: &Target, answers: &mut Answers) -> Result<(), Error> {
    let mut session = Session::connect(target)?;
    let mut editor = DefaultEditor::new().map_err(unusable)?;
    let history = history();
    if let Some(path) = &history {
        // There is none at the first time.
        let _ = editor.load_history(path);
    }
    let result = converse(&mut session, &mut editor, answers);
    if let Some(path) = &history {
        // A history that cannot be kept is no reason to fail.
        let _ = editor.append_history(path);
    }
    result
}

fn converse(
    session: &mut Session,
    editor: &mut DefaultEditor,
    answers: &mut Answers,
) -> Result<(), Error> {
    for number in 1.. {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Interrupted) => return Err(Error::Interrupted),
            Err(error) => return Err(unusable(error)),
        };
        // It is no more than a convenience.
        let _ = editor.add_history_entry(&line);
        match ask(session, line.as_bytes()) {
            Ok(answer) => answers.add(&answer),
            Err(error) => answers.fail("line", number, error)?,
        }
        answers.flush()?;
    }
    Ok(())
}

/// Asks once more over a new connection if the old one has ended while nobody typed: a server ends
/// idle ones, and this request can be repeated.
fn ask(session: &mut Session, line: &[u8]) -> Result<Vec<u8>, Error> {
    match session.upper(line) {
        Err(error @ Error::Closed { .. }) => {
            report::line(format_args!("echo: {error}; connecting again"));
            *session = Session::connect(&session.target().clone())?;
            session.upper(line)
        }
        result => result,
    }
}

/// Where the history is kept, in a folder that is made if need be.
fn history() -> Option<PathBuf> {
    let folder = etcetera::base_strategy::Xdg::new().ok()?.state_dir()?.join("framing");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("echo-history"))
}

fn unusable(error: ReadlineError) -> Error {
    match error {
        ReadlineError::Io(error) => error.into(),
        ReadlineError::Errno(errno) => std::io::Error::from(errno).into(),
        error => std::io::Error::other(error).into(),
    }
}

const PROMPT: &str = "> ";
