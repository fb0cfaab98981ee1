//! Every way in which we mean to differ from another implementation.

/// What differs, and why ours is as it is. The test that shows it names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deviation {
    // Lengths.
    /// `tokio-util` holds the field's value against the limit, before the adjustment; our limit is
    /// of the payload that is handed out, which is what costs memory.
    LimitOfTheValue,
    /// `tokio-util` hands out a part of the head where a frame is shorter than it; to us such a
    /// length is the peer's error.
    FrameShorterThanItsHead,
    /// `tokio-util` gives out empty frames for ever where nothing is skipped and the length is none;
    /// to us it is shorter than its head.
    NothingConsumed,
    /// `tokio-util` can strip a part of the field; no encoder could undo that, so it does not build.
    StripInsideTheField,
    /// `tokio-util` builds a codec that can hand out no frame that is right under its limit; such a
    /// configuration does not build here.
    NoFrameWithinTheLimit,
    /// `tokio-util` takes an end of the stream between head and body for a clean one, also under
    /// the codec of `unsigned-varint`; to us the frame was cut short.
    EndAfterTheHead,
    /// `tokio-util` writes neither the bytes before the field nor those stripped behind it, and
    /// cannot read what it wrote; our encoder takes them as the prefix.
    HeadNotWritten,
    /// `wire-codec` lowers its limit to the field's greatest value, though an adjustment allows for
    /// longer payloads; our limit is what it was set to.
    LimitCappedByTheField,
    /// `asynchronous-codec` has no limit, nor has `h11` for bodies; we never go without.
    NoLimit,

    // Lines and delimiters.
    /// The limit of `tokio-util`'s lines counts the CR before an LF, which it strips; ours is of
    /// what is handed out.
    LimitCountsTheCr,
    /// `tokio-util` strips a CR from the end of an unterminated last line, and drops a last line of
    /// nothing else; to us a CR is half of an ending only before an LF.
    LastCrWithoutLf,
    /// The lines of `tokio-util` and `asynchronous-codec` are strings, and other bytes an error;
    /// ours are bytes.
    NotUtf8,
    /// `tokio-util` takes what stands behind the last delimiter for a frame; to us it was cut short.
    UnterminatedLast,
    /// `tokio-util` and Twisted write payloads that hold the delimiter, and so become other frames;
    /// our encoder refuses them.
    DelimiterWritten,
    /// The lines of `asynchronous-codec` are written as they are given, with an ending or without;
    /// ours that keep their ending must have one.
    NoEndingWritten,

    // Varints.
    /// `unsigned-varint` drops the bits past 64 of a tenth byte, unlike its other readers; to us
    /// the length is too large.
    BitsCut,
    /// `prost` cannot tell a number that is not complete from a wrong one; a decoder of streams has
    /// to.
    IncompleteIsAnError,

    // Stuffing.
    /// `wire-codec` is handed one block at a time, and refuses one without a byte; between two
    /// frames of a stream that is fill.
    EmptyBlock,
    /// `slip-codec` loses the packet behind one that ends in an escape: its `END` is not taken for
    /// the end; ours is, so that the next packet comes.
    EndAfterAnEscape,
    /// `slip-codec` writes packets of no bytes, which no reader gives back, its own neither; our
    /// encoder refuses them.
    EmptyPacketWritten,

    // Twisted.
    /// Twisted holds the digits of a netstring's length against the limit before the colon is
    /// there; we read the length to its end.
    DigitsBeforeTheColon,
    /// Twisted waits on after a newline behind digits (its pattern ends in `$`); to us the length is
    /// wrong at that byte.
    NewlineAfterDigits,
    /// Twisted finds a line too long only once a whole delimiter more than the limit is there; we
    /// do with the first byte that is surely too much.
    LateLimit,

    // h11.
    /// `h11` takes LF alone for a line's end in heads and trailers; two readers disagree about that,
    /// so we refuse it.
    LfEndsALine,
    /// `h11` joins lines that begin with a blank to the one before; RFC 9112 lets a server refuse
    /// them, and so do we.
    FoldedLine,
    /// `h11` takes a length that stands there more than once, if it is the same; we take it once.
    RepeatedLength,
    /// `h11` takes a request without a length for one without a body; we are there for bodies with
    /// lengths.
    NoLength,
    /// `h11` goes by `Transfer-Encoding`, also against a length; two readers disagree about that,
    /// so we refuse it.
    TransferEncoding,
    /// `h11` takes control characters in field values and chunk extensions; we refuse them.
    ControlCharacter,
    /// `h11` reads the start line and asks for `Host`, for it speaks HTTP; to us they are head, and
    /// the application's.
    MeaningOfTheHead,
    /// `h11` takes twenty digits for a chunk's size; we take sixteen, which is all of 64 bits.
    DigitsOfASize,
    /// `h11` takes blanks behind a chunk's size; RFC 9112 has none there, and so have we.
    BlankAfterASize,
}
