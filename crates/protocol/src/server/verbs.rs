//! What the application says.

use super::requests::{Kind, Running};
use super::{Server, State};
use crate::channel::LastWords;
use crate::machine::Closed;
use crate::message::{
    Code, Digest, Entry, Exit, Failure, File, Held, Id, MAX_BODY, Ready, ServerMessage,
};

impl Server {
    /// Answers an `upper`, and ends it. A text over [`MAX_BODY`] fails as `too_large`.
    pub fn upper(&mut self, id: Id, text: &str) {
        self.last(id, is_upper, &ServerMessage::Upper { id }, text.as_bytes());
    }

    /// Ends the active request with an `error`.
    pub fn fail(&mut self, id: Id, failure: Failure) {
        self.last(id, |_| true, &ServerMessage::Error { id: Some(id), failure }, &[]);
    }

    /// The command of an `exec` runs; grants the first credit for its input.
    pub fn started(&mut self, id: Id, pid: u32) {
        let running = self.requests.active(id).and_then(|active| active.running());
        if let Some(window) = running.and_then(Running::start) {
            self.say(id, is_exec, &ServerMessage::Started { id, pid, window });
        }
    }

    /// Output of the running command.
    pub fn stdout(&mut self, id: Id, bytes: &[u8]) {
        self.content(id, is_started, &ServerMessage::Stdout { id }, bytes);
    }

    /// Output of the running command on its standard error.
    pub fn stderr(&mut self, id: Id, bytes: &[u8]) {
        self.content(id, is_started, &ServerMessage::Stderr { id }, bytes);
    }

    /// The command's pipe took so many bytes of its input: grants as many anew, in steps.
    pub fn stdin_taken(&mut self, id: Id, bytes: u64) {
        let running = self.requests.active(id).and_then(|active| active.running());
        if let Some(bytes) = running.and_then(|running| running.take(bytes)) {
            self.say(id, is_exec, &ServerMessage::Window { id, bytes });
        }
    }

    /// Ends an `exec`.
    pub fn exit(&mut self, id: Id, exit: Exit) {
        self.last(id, is_exec, &ServerMessage::Exit { id, exit }, &[]);
    }

    /// So many bytes of what there is already have been read, of a `get` or of a `put` that is to go on. Said now and
    /// then, so that the client sees that its wait is not in vain.
    pub fn verifying(&mut self, id: Id, bytes: u64) {
        self.say(id, may_verify, &ServerMessage::Verifying { id, bytes });
    }

    /// The file of a `get` is open.
    pub fn file(&mut self, id: Id, file: File) {
        self.say(id, is_get, &ServerMessage::File { id, file });
    }

    /// A piece of the file.
    pub fn data(&mut self, id: Id, bytes: &[u8]) {
        self.content(id, is_get, &ServerMessage::Data { id }, bytes);
    }

    /// A piece of the file, of at most `most` bytes and one [`MAX_BODY`], that is written by `fill` to where it waits
    /// to be sent: what is read from a file this way is not copied. `fill` says how many bytes it wrote; with none, or
    /// an error, nothing is sent.
    ///
    /// ```
    /// use core::time::Duration;
    /// use framing_protocol::server::{Server, Settings};
    /// use std::io::Read;
    ///
    /// # fn send(server: &mut Server, id: u64, mut file: &[u8]) -> std::io::Result<()> {
    /// // Where a `get` is active, and its file is announced:
    /// while server.room() > 0 && server.data_from(id, 1 << 18, |space| file.read(space))? > 0 {}
    /// # Ok(())
    /// # }
    /// # send(&mut Server::new(Settings::default(), Duration::ZERO), 1, b"").unwrap();
    /// ```
    pub fn data_from<E>(
        &mut self,
        id: Id,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        if self.speaks(id, is_get) {
            self.channel.send_filled(&ServerMessage::Data { id }, most, fill)
        } else {
            Ok(0)
        }
    }

    /// Ends a `get`.
    pub fn file_end(&mut self, id: Id, digest: Digest) {
        self.last(id, is_get, &ServerMessage::FileEnd { id, digest }, &[]);
    }

    /// The file of a `put` may come; grants the first credit. What is `held` of it already is offered if the client
    /// can use it: of a known size, not longer than that, and with the digest that it asked for.
    pub fn ready(&mut self, id: Id, held: Option<Held>) {
        let upload = self.requests.active(id).and_then(|active| active.upload());
        if let Some((window, held)) = upload.and_then(|upload| upload.ready(held)) {
            self.say(id, is_put, &ServerMessage::Ready { id, ready: Ready { held, window } });
        }
    }

    /// So many bytes of the file were written: grants as many anew, in steps.
    pub fn data_taken(&mut self, id: Id, bytes: u64) {
        let upload = self.requests.active(id).and_then(|active| active.upload());
        if let Some(bytes) = upload.and_then(|upload| upload.take(bytes)) {
            self.say(id, is_put, &ServerMessage::Window { id, bytes });
        }
    }

    /// The file is there, with the digest that the client has told; ends the `put`. Void before
    /// [`Event::FileEnd`](super::Event::FileEnd).
    pub fn stored(&mut self, id: Id) {
        let upload = self.requests.active(id).and_then(|active| active.upload());
        if let Some(digest) = upload.and_then(|upload| upload.digest()) {
            self.last(id, is_put, &ServerMessage::Stored { id, digest }, &[]);
        }
    }

    /// Some entries of a `list`. One whose line is over [`MAX_BODY`] fails the request as
    /// `too_large`.
    pub fn entries(&mut self, id: Id, entries: &[Entry]) {
        if !self.speaks(id, is_list) {
            return;
        }
        let message = ServerMessage::Entries { id };
        let mut lines = Vec::new();
        for entry in entries {
            let before = lines.len();
            let written = serde_json::to_writer(&mut lines, entry);
            lines.push(b'\n');
            let length = written.map_or(usize::MAX, |()| lines.len().saturating_sub(before));
            if length > MAX_BODY {
                self.fail(id, too_large());
                return;
            }
            if lines.len() > MAX_BODY {
                let next = lines.split_off(before);
                self.content(id, is_list, &message, &lines);
                lines = next;
            }
        }
        self.content(id, is_list, &message, &lines);
    }

    /// Ends a `list`.
    pub fn entries_end(&mut self, id: Id) {
        self.last(id, is_list, &ServerMessage::EntriesEnd { id }, &[]);
    }

    /// Answers a `stat`, and ends it.
    pub fn entry(&mut self, id: Id, entry: Entry) {
        self.last(id, is_stat, &ServerMessage::Entry { id, entry }, &[]);
    }

    /// Takes no new request from now on, finishes those that were accepted, then closes. A client
    /// that has not said `hello` is turned away at once.
    pub fn goaway(&mut self, reason: &str) {
        match self.state {
            State::Greeting => {
                self.error(None, Failure::new(Code::ShuttingDown, reason));
                self.channel.close(Closed::GoneAway, LastWords::Flush);
            }
            State::Serving => {
                self.state = State::Leaving;
                self.say_goaway(reason);
                self.leave_if_done();
            }
            State::Leaving => {}
        }
    }

    /// This client is not known: it may pair, and for anything else it is [refused](Self::refuse) for this. To
    /// be said before its `hello` is looked at.
    pub fn admit_to_pair(&mut self, failure: Failure) {
        (self.roles, self.stranger) = (Vec::new(), Some(failure));
    }

    /// The invitation of a `pair` is redeemed, for these roles; ends the request.
    pub fn paired(&mut self, id: Id, roles: Vec<String>) {
        self.last(id, is_pair, &ServerMessage::Paired { id, roles }, &[]);
    }

    /// What this client may do, for its `welcome`: to be said before that, once it is known who it is.
    pub fn admit(&mut self, roles: Vec<String>) {
        self.roles = roles;
    }

    /// Ends the connection with an `error`, in whatever state it is: this client may not be here.
    pub fn refuse(&mut self, failure: Failure) {
        self.error(None, failure.clone());
        self.channel.close(Closed::Refused(failure), LastWords::Flush);
    }

    /// Sends a message within the active request; one that is too large fails it.
    fn say(&mut self, id: Id, kind: fn(&Kind) -> bool, message: &ServerMessage) {
        if self.speaks(id, kind) && self.channel.send(message, &[]).is_err() {
            self.fail(id, too_large());
        }
    }

    /// Sends content within the active request.
    fn content(&mut self, id: Id, kind: fn(&Kind) -> bool, message: &ServerMessage, bytes: &[u8]) {
        if self.speaks(id, kind) {
            self.channel.send_content(message, bytes);
        }
    }

    /// Ends the active request with this message.
    fn last(&mut self, id: Id, kind: fn(&Kind) -> bool, message: &ServerMessage, body: &[u8]) {
        if !self.speaks(id, kind) {
            return;
        }
        if self.channel.send(message, body).is_err() {
            self.error(Some(id), too_large());
        }
        self.requests.finish();
        self.belated.clear();
        self.leave_if_done();
    }

    /// Whether the active request has this id and kind.
    fn speaks(&mut self, id: Id, kind: fn(&Kind) -> bool) -> bool {
        self.requests.active(id).is_some_and(|active| kind(&active.kind))
    }

    /// Sends an `error`; one whose own text is over the limits is told without it.
    pub(super) fn error(&mut self, id: Option<Id>, failure: Failure) {
        if self.channel.send(&ServerMessage::Error { id, failure }, &[]).is_err() {
            let short = ServerMessage::Error { id, failure: too_large() };
            let _ = self.channel.send(&short, &[]);
        }
    }

    /// Sends a `goaway`; one whose reason is over the limits is told without it.
    pub(super) fn say_goaway(&mut self, reason: &str) {
        let last_id = self.requests.newest();
        let goaway = ServerMessage::Goaway { reason: reason.to_owned(), last_id };
        if self.channel.send(&goaway, &[]).is_err() {
            let short = ServerMessage::Goaway { reason: String::new(), last_id };
            let _ = self.channel.send(&short, &[]);
        }
    }

    pub(super) fn leave_if_done(&mut self) {
        if self.state == State::Leaving && self.requests.is_empty() {
            self.channel.close(Closed::GoneAway, LastWords::Flush);
        }
    }
}

fn is_upper(kind: &Kind) -> bool {
    matches!(kind, Kind::Upper)
}

fn is_exec(kind: &Kind) -> bool {
    matches!(kind, Kind::Exec(_))
}

fn is_started(kind: &Kind) -> bool {
    matches!(kind, Kind::Exec(running) if running.started)
}

fn is_get(kind: &Kind) -> bool {
    matches!(kind, Kind::Get)
}

fn is_put(kind: &Kind) -> bool {
    matches!(kind, Kind::Put(_))
}

fn may_verify(kind: &Kind) -> bool {
    matches!(kind, Kind::Put(upload) if upload.is_verified()) || is_get(kind)
}

fn is_pair(kind: &Kind) -> bool {
    matches!(kind, Kind::Pair)
}

fn is_list(kind: &Kind) -> bool {
    matches!(kind, Kind::List)
}

fn is_stat(kind: &Kind) -> bool {
    matches!(kind, Kind::Stat)
}

fn too_large() -> Failure {
    Failure::new(Code::TooLarge, "the answer is over the limits of a message")
}
