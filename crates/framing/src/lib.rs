//! Message framing over byte streams: byte chunks in, complete frames out, and back, without I/O.
