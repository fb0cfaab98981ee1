//! Either decoder, behind the same calls.

use framing::{AcceptError, Config, DecodeError, Decoder, Event, Frame, Framing, Reassembler};

pub(crate) enum Subject<'w, F> {
    /// With what is left of the chunk that was given last.
    Push(Decoder<F>, &'w [u8]),
    Owned(Reassembler<F>),
}

impl<'w, F: Framing> Subject<'w, F> {
    /// `finishing` says that the stream has ended.
    pub(crate) fn next(&mut self, finishing: bool) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        match self {
            Self::Push(push, chunk) => {
                if finishing {
                    push.finish()
                } else {
                    push.next(chunk)
                }
            }
            Self::Owned(owned) => {
                if finishing {
                    owned.finish()
                } else {
                    owned.next()
                }
            }
        }
    }

    pub(crate) fn next_event(
        &mut self,
        finishing: bool,
    ) -> Result<Option<Event<'_, '_>>, DecodeError> {
        match self {
            Self::Push(push, chunk) => {
                if finishing {
                    push.finish_event()
                } else {
                    push.next_event(chunk)
                }
            }
            Self::Owned(owned) => {
                if finishing {
                    owned.finish_event()
                } else {
                    owned.next_event()
                }
            }
        }
    }

    pub(crate) fn accept(&mut self) -> Result<(), AcceptError> {
        match self {
            Self::Push(push, _) => push.accept(),
            Self::Owned(owned) => owned.accept(),
        }
    }

    pub(crate) fn skip(&mut self) {
        match self {
            Self::Push(push, _) => push.skip(),
            Self::Owned(owned) => owned.skip(),
        }
    }

    pub(crate) fn shrink(&mut self) {
        match self {
            Self::Push(push, _) => push.shrink(),
            Self::Owned(owned) => owned.shrink(),
        }
    }

    /// What was given and not used is gone.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Push(push, chunk) => {
                push.reset();
                *chunk = &[];
            }
            Self::Owned(owned) => owned.reset(),
        }
    }

    /// Gives up to `size` bytes of `rest`, once there is nothing more in what was given.
    pub(crate) fn feed(&mut self, rest: &mut &'w [u8], size: usize) {
        let given = match self {
            Self::Push(_, chunk) => {
                assert!(chunk.is_empty(), "nothing more, and the input is not used up");
                let given = size.min(rest.len());
                *chunk = &rest[..given];
                given
            }
            Self::Owned(owned) => {
                let space = owned.space();
                let given = size.min(rest.len()).min(space.len());
                assert!(given > 0 || size == 0 || rest.is_empty(), "there is no space");
                space[..given].copy_from_slice(&rest[..given]);
                owned.filled(given);
                given
            }
        };
        *rest = &rest[given..];
    }
}

impl<F: Framing + Clone> Subject<'_, F> {
    /// Goes on with another decoder, if there is no frame in progress. A pushed one has to be given
    /// again what was held of `given`: so many bytes at its end, as the answer says.
    pub(crate) fn hand_off(
        self,
        config: &Config<F>,
        framing: F,
        given: &[u8],
    ) -> (Self, Option<usize>) {
        match self {
            Self::Push(mut push, chunk) => {
                let Ok(tail) = push.take_tail() else { return (Self::Push(push, chunk), None) };
                let again = tail.len() + chunk.len();
                assert!(given.ends_with(&[tail, chunk].concat()), "the tail is what was given");
                (Self::Push(config.decoder().expect("it has built before"), &[]), Some(again))
            }
            Self::Owned(owned) => {
                let unread = owned.unread().to_vec();
                match owned.switch(framing) {
                    Ok(owned) => {
                        assert_eq!(owned.unread(), unread);
                        (Self::Owned(owned), Some(0))
                    }
                    Err(owned) => {
                        assert_eq!(owned.unread(), unread);
                        (Self::Owned(owned), None)
                    }
                }
            }
        }
    }
}
