//! The wire protocol of framing-server and framing-client as state machines without I/O.
