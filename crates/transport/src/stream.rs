//! The seam between a connection and what carries its bytes.

use framing_protocol::End;
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// A non-blocking duplex byte stream with a descriptor to poll: where an encrypted stream goes in.
///
/// `read` and `write` follow [`io::Read`] and [`io::Write`]: they give
/// [`WouldBlock`](io::ErrorKind::WouldBlock) instead of waiting, may move fewer bytes than asked,
/// and may be [`Interrupted`](io::ErrorKind::Interrupted).
pub trait Stream: AsFd {
    /// Reads into `space`; 0 is the end of the stream.
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize>;

    /// Writes from `bytes` and says how many were taken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes what [`write`](Self::write) took and could not pass on yet, and what the stream has to say
    /// itself, such as its part of a handshake. A [`WouldBlock`](io::ErrorKind::WouldBlock) leaves the
    /// rest for later.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`flush`](Self::flush) has something to write.
    fn wants_write(&self) -> bool {
        false
    }

    /// Whether [`read`](Self::read) has something to give, although the descriptor may have not.
    fn holds_input(&self) -> bool {
        false
    }

    /// Ends our direction; the peer's goes on. After a [`WouldBlock`](io::ErrorKind::WouldBlock) it is
    /// to be called again once there is room.
    fn close_write(&mut self) -> io::Result<()>;

    /// Makes closing throw away, by a reset, what the peer has not taken yet, instead of keeping it
    /// in the kernel for a peer that may never take it.
    fn abandon(&mut self) -> io::Result<()>;

    /// What it means that `read` gave 0: on a stream that cannot tell the peer's farewell from a
    /// cut it is never [`End::Authenticated`].
    fn end(&self) -> End;
}

/// A bare TCP connection, which must be non-blocking, as [`connect`](crate::connect()) and
/// [`Listeners`](crate::Listeners) give it. Anybody on the way can forge its FIN.
impl Stream for TcpStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        Read::read(self, space)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn abandon(&mut self) -> io::Result<()> {
        abandon(self)
    }

    fn end(&self) -> End {
        End::Fin
    }
}

/// Closing the stream will reset the connection.
pub(crate) fn abandon(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

/// Makes a fresh TCP stream fit for a [`Link`](crate::Link).
pub(crate) fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    // Replies are written in whole batches already: waiting for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}
