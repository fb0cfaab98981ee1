#!/usr/bin/env python3
"""Decodes every vector beside this file with a decoder of its own, and names those that differ.

    python3 check.py [FILE.json ...]

The decoder is written from the documents, to be read beside them: it has the whole stream, goes
through it once from the front, and raises at the first fault.
"""

import json
import re
import sys
from pathlib import Path

MAX_HEAD = 8 << 10
MAX_PAYLOAD = 8 << 20
MAX_PARTS = 1024


class Fault(Exception):
    """What is wrong, and at which byte of the stream."""


class Frame:
    """A frame in progress, from its first byte on."""

    def __init__(self, stream, start, limit, refuse):
        self.stream, self.start = stream, start
        self.limit, self.refuse = limit, refuse
        self.size = 0
        self.declared = None

    def promise(self, size):
        """So many more bytes of payload are certain to come, or have come."""
        self.size += size
        if self.refuse and self.size > self.limit:
            raise Fault("too_long", self.start)

    def declare(self, size):
        self.declared = size
        self.promise(size)

    def take(self, at, size):
        """Bytes without which the frame is not complete."""
        if at + size > len(self.stream):
            raise self.truncated()
        return self.stream[at : at + size]

    def head(self, size):
        if size > MAX_HEAD:
            raise Fault("head_too_long", self.start)

    def truncated(self):
        return Fault("truncated", self.start)


# Each framing is a function that is given a frame and gives its payload and the offset behind it.


def length(width, order, signed, offset=0, adjust=0, strip=None):
    """`offset` bytes, a field, and `value + adjust` bytes; the first `strip` are no payload."""
    behind = offset + width
    strip = behind if strip is None else strip

    def decode(frame):
        field = frame.start + offset
        value = int.from_bytes(frame.take(field, width), order, signed=signed)
        total = behind + value + adjust
        if value < 0 or total < behind or total < strip:
            raise Fault("malformed", field)
        frame.declare(total - strip)
        return frame.take(frame.start + strip, total - strip), frame.start + total

    return decode


def varint(lenient):
    """Unsigned LEB128 of up to 64 bits (DWARF 5, section 7.6)."""

    def decode(frame):
        value = 0
        for nth in range(10):
            at = frame.start + nth
            byte = frame.take(at, 1)[0]
            value |= (byte & 0x7F) << (7 * nth)
            if value >= 1 << 64 or (nth == 9 and byte >= 0x80):
                raise Fault("malformed", at)
            if byte < 0x80:
                break
        if byte == 0 and nth > 0 and not lenient:
            raise Fault("malformed", at)
        frame.declare(value)
        return frame.take(at + 1, value), at + 1 + value

    return decode


def fixed(size):
    def decode(frame):
        frame.declare(size)
        return frame.take(frame.start, size), frame.start + size

    return decode


def netstring(frame):
    """https://cr.yp.to/proto/netstrings.txt"""
    digits, at = "", frame.start
    while True:
        byte = chr(frame.take(at, 1)[0])
        if byte == ":" and digits:
            break
        # Twenty digits are enough for any number of 64 bits.
        if byte not in "0123456789" or digits == "0" or len(digits) == 20:
            raise Fault("malformed", at)
        digits += byte
        at += 1
    size = int(digits)
    frame.declare(size)
    payload = frame.take(at + 1, size)
    comma = at + 1 + size
    if frame.take(comma, 1) != b",":
        raise Fault("malformed", comma)
    return payload, comma + 1


def delimited(delimiters, keep):
    """The earliest delimiter ends the frame, of those that begin there the longest."""

    def decode(frame):
        rest = frame.stream[frame.start :]
        found = [(rest.find(one), -len(one)) for one in delimiters if one in rest]
        if not found:
            frame.promise(len(rest))
            raise frame.truncated()
        end, longest = min(found)
        behind = end - longest
        payload = rest[: behind if keep else end]
        frame.promise(len(payload))
        return payload, frame.start + behind

    return decode


def lines(crlf):
    """Up to LF; with `crlf` a CR before it is part of the ending. The last one may lack it."""

    def decode(frame):
        line, ending, _ = frame.stream[frame.start :].partition(b"\n")
        behind = frame.start + len(line) + len(ending)
        if crlf and ending and line.endswith(b"\r"):
            line = line[:-1]
        frame.promise(len(line))
        return line, behind

    return decode


def strict_lines(frame):
    """Up to CRLF, and neither of the two occurs but in it (RFC 5321, section 2.3.8)."""
    at = frame.start
    while True:
        byte = frame.take(at, 1)
        if byte == b"\r" and frame.take(at + 1, 1) == b"\n":
            return frame.stream[frame.start : at], at + 2
        if byte in b"\r\n":
            raise Fault("malformed", at)
        frame.promise(1)
        at += 1


TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
TEXT = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
LINE = re.compile(rb"[^\r\n]*")


def line_end(stream, at):
    """Behind the CRLF that must be here."""
    if stream[at : at + 2] != b"\r\n":
        raise Fault("malformed", at)
    return at + 2


def fields(stream, at, end):
    """Header fields (RFC 9112, section 5), read strictly: offset, name and value of each."""
    while at < end:
        start = at
        at = TOKEN.match(stream, at).end()
        name = stream[start:at]
        if not name or stream[at : at + 1] != b":":
            raise Fault("malformed", at)
        value = TEXT.match(stream, at + 1)
        at = line_end(stream, value.end())
        yield start, name.lower(), value.group().strip(b" \t")


def content_length(http):
    """Fields up to an empty line, of which exactly one says the body's length."""

    def decode(frame):
        stream, at = frame.stream, frame.start
        empty = stream.find(b"\r\n\r\n", at)
        if empty < 0:
            raise frame.truncated()
        body = empty + 4
        frame.head(body - frame.start)
        if http:
            first = LINE.match(stream, at).end()
            if first == at:
                raise Fault("malformed", at)
            at = line_end(stream, first)
        size = None
        for offset, name, value in fields(stream, at, empty + 2):
            if name == b"transfer-encoding":
                raise Fault("malformed", offset)
            if name == b"content-length":
                if size is not None or not re.fullmatch(rb"[0-9]+", value):
                    raise Fault("malformed", offset)
                size = int(value)
        if size is None:
            raise Fault("malformed", empty)
        frame.declare(size)
        return frame.take(body, size), body + size

    return decode


HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]*")


def chunk_size(stream, at):
    """`chunk-size [ chunk-ext ] CRLF` (RFC 9112, section 7.1)."""
    digits = HEXADECIMAL.match(stream, at).group()
    if not 1 <= len(digits) <= 16:
        raise Fault("malformed", at + min(len(digits), 16))
    at += len(digits)
    if stream[at : at + 1] == b";":
        at = TEXT.match(stream, at).end()
    line_end(stream, at)
    return int(digits, 16)


def chunked(frame):
    """Chunks, the last one empty, then fields up to an empty line."""
    stream, at, payload, parts = frame.stream, frame.start, b"", 0
    while True:
        newline = stream.find(b"\n", at)
        if newline < 0:
            raise frame.truncated()
        frame.head(newline + 1 - at)
        size = chunk_size(stream, at)
        parts += 1
        if parts > MAX_PARTS:
            raise Fault("too_many_parts", frame.start)
        if size == 0:
            break
        frame.promise(size)
        at = newline + 1 + size
        payload += frame.take(newline + 1, size)
        end = frame.take(at, 2)
        if end != b"\r\n":
            raise Fault("malformed", at + 1 if end.startswith(b"\r") else at)
        at += 2
    empty = stream.find(b"\r\n\r\n", newline - 1)
    if empty < 0:
        raise frame.truncated()
    frame.head(empty + 4 - at)
    for _ in fields(stream, newline + 1, empty + 2):
        pass
    return payload, empty + 4


def cobs(frame):
    """Cheshire and Baker, 1999: a code, and one byte less than it says; FF has no zero behind."""
    payload, at, zero = bytearray(), frame.start, False
    while True:
        code = frame.take(at, 1)[0]
        at += 1
        if code == 0:
            return bytes(payload), at
        if zero:
            payload.append(0)
            frame.promise(1)
        for _ in range(code - 1):
            byte = frame.take(at, 1)[0]
            if byte == 0:
                raise Fault("malformed", at)
            payload.append(byte)
            frame.promise(1)
            at += 1
        zero = code != 0xFF


def slip(frame):
    """RFC 1055; an escape before any other byte than the two is refused."""
    payload, at = bytearray(), frame.start
    while True:
        byte = frame.take(at, 1)[0]
        at += 1
        if byte == 0xC0:
            return bytes(payload), at
        if byte == 0xDB:
            byte = {0xDC: 0xC0, 0xDD: 0xDB}.get(frame.take(at, 1)[0])
            if byte is None:
                raise Fault("malformed", at)
            at += 1
        payload.append(byte)
        frame.promise(1)


def envelope(frame):
    """Two lengths, of 32 and 64 bits; the header is head, the body is payload."""
    lengths = frame.take(frame.start, 12)
    header, body = int.from_bytes(lengths[:4], "big"), int.from_bytes(lengths[4:], "big")
    frame.head(12 + header)
    frame.declare(body)
    at = frame.start + 12 + header
    return frame.take(at, body), at + body


# Bytes that stand between frames and mean nothing there.
FILL = {cobs: 0x00, slip: 0xC0}
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def framing_of(name, value, options):
    """The framing that a spec names; takes out of `options` those that belong to it."""
    field = re.fullmatch(r"([ui])(\d+)(be|le)?", name)
    if field:
        sign, bits, order = field.groups()
        order = "little" if order == "le" else "big"
        numbers = {option: int(options.pop(option)) for option in list(options)}
        return length(int(bits) // 8, order, sign == "i", **numbers)

    def flag(option):
        return options.pop(option, None) == ""

    if name == "varint":
        return varint(flag("lenient"))
    if name == "fixed":
        return fixed(int(value))
    if name == "delimiter":
        return delimited([bytes.fromhex(one[2:]) for one in value.split("|")], flag("keep"))
    if name == "crlf" and flag("strict"):
        return strict_lines
    if name == "content-length":
        return content_length(flag("http"))
    if name in ("lines", "crlf"):
        return lines(name == "crlf")
    return {one.__name__: one for one in (netstring, chunked, cobs, slip, envelope)}[name]


def decode(spec, stream):
    """The frames, the skipped ones, and the fault at which it ends, if it does."""
    parts = [part.partition("=") for part in spec.split(",")]
    options = {name: value for name, _, value in parts[1:]}
    number, unit = re.fullmatch(r"(\d+)(\D*)", options.pop("max", str(MAX_PAYLOAD))).groups()
    limit = int(number) * UNITS.get(unit, 1)
    # To hand out whole frames, `stream` is as good as `error`.
    oversize = options.pop("oversize", "error")
    framing = framing_of(parts[0][0], parts[0][2], options)
    assert not options, f"{spec}: {options}"

    frames, skipped, at = [], [], 0
    while at < len(stream):
        if stream[at] == FILL.get(framing):
            at += 1
            continue
        frame = Frame(stream, at, limit, oversize in ("error", "stream"))
        try:
            payload, at = framing(frame)
        except Fault as fault:
            return frames, skipped, dict(zip(("kind", "offset"), fault.args))
        if len(payload) > limit and oversize == "skip":
            report = ("offset", frame.start), ("declared", frame.declared)
            skipped.append(dict(report, discarded=len(payload)))
        else:
            frames.append(payload[:limit].hex())
    return frames, skipped, None


def differs(vector):
    frames, skipped, error = decode(vector["framing"], bytes.fromhex(vector["stream"]))
    got = (frames, error, skipped)
    said = (vector["frames"], vector.get("error"), vector.get("skipped", skipped))
    return None if got == said else f"{vector['name']}: {got}, and not {said}"


def main():
    files = sys.argv[1:] or sorted(Path(__file__).parent.glob("*.json"))
    vectors = [vector for file in files for vector in json.loads(Path(file).read_text())]
    wrong = [difference for difference in map(differs, vectors) if difference]
    print("".join(f"{one}\n" for one in wrong), end="")
    print(f"{len(vectors)} vectors, {len(wrong)} differ", file=sys.stderr)
    return 1 if wrong or not vectors else 0


if __name__ == "__main__":
    sys.exit(main())
