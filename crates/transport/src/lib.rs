//! Sockets and poll: the shell that drives the protocol machines.
