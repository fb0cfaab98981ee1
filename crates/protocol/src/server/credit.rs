//! What a client may send ahead: the input of a command, the content of a file.

/// How far a client may run ahead of whoever takes what it sends.
///
/// ```text
/// left (the client may send)  ->  untaken (with the application)  ->  ungranted  ->  left
/// ```
#[derive(Debug, Default)]
pub(super) struct Credit {
    window: u64,
    left: u64,
    untaken: u64,
    ungranted: u64,
}

impl Credit {
    /// Lets the client send so much; from then on it may always be that far ahead.
    pub(super) fn open(window: u64) -> Self {
        Self { window, left: window, ..Self::default() }
    }

    /// How much may be sent.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// So much came. False: it was more than the client may send, and nothing has changed.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let Some(left) = self.left.checked_sub(bytes) else { return false };
        self.left = left;
        self.untaken = self.untaken.saturating_add(bytes);
        true
    }

    /// So much was taken. Gives what is granted anew, once it is worth a message.
    pub(super) fn take(&mut self, bytes: u64) -> Option<u64> {
        let bytes = bytes.min(self.untaken);
        self.untaken = self.untaken.saturating_sub(bytes);
        self.ungranted = self.ungranted.saturating_add(bytes);
        if self.ungranted < self.window / 4 || self.ungranted == 0 {
            return None;
        }
        self.left = self.left.saturating_add(self.ungranted);
        Some(core::mem::take(&mut self.ungranted))
    }
}
