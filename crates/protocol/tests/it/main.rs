//! Both machines as their peers and drivers see them: bytes in, bytes out.

mod bounds;
mod chaos;
mod conversation;
mod deadlines;
mod ends;
mod exec;
mod headers;
mod limits;
mod put;
mod put_client;
mod put_headers;
mod put_pipeline;
mod requests;
mod resume;
mod spec;
mod states;
mod strangers;
mod support;
