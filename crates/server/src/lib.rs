//! Upper-case echo, remote commands and files over framed messages: the server.
