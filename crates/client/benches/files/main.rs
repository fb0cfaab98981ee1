//! What it costs to fetch files, beside what else fetches files.
//!
//! ```text
//! cargo bench -p framing-client --bench files           # 5 rounds; -- N for another number
//! cargo bench -p framing-client --bench files -- large  # one part only: large, many or loopback
//! ```
//!
//! All contenders take turns in each round, so that whatever else goes on meets all of them; medians are told. All
//! servers are processes of their own on loopback, and so are the clients; the CPU seconds are those that the kernel
//! counts for both and for what they start. What is not installed is left out.
//!
//! - `large`: 1 GiB, from the page cache to the null device. Ours is authenticated on both sides and carries a
//!   BLAKE3 digest of the whole, which both sides compute; that of `curl` from `nginx` over TLS 1.3 and those of
//!   `scp` and `sftp` are not checked beyond the record.
//! - `many`: 10,000 files of 1 KiB into a fresh folder of the same file system. When ours is done, all of them are
//!   on disk, and none has its name before; of the others only `rsync --fsync` promises the first half.
//! - `loopback`: what the machines cost without TLS and digest, over a bare connection within this process, beside
//!   `sendfile` into a `read` loop.

mod large;
mod loopback;
mod many;
mod measure;
#[path = "../../tests/it/openssh.rs"]
mod openssh;
mod servers;

use servers::Servers;
use std::error::Error;

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    framing_server::supervise_if_asked();
    if servers::serve_if_asked()? {
        return Ok(());
    }
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(5);
    let named = |part: &str| std::env::args().any(|arg| arg == part);
    let is_wanted = |part| named(part) || !["large", "many", "loopback"].into_iter().any(named);

    let home = tempfile::tempdir()?;
    let servers = Servers::start(home.path())?;
    if is_wanted("large") {
        large::run(&servers, rounds)?;
    }
    if is_wanted("many") {
        many::run(&servers, rounds)?;
    }
    if is_wanted("loopback") {
        loopback::run(&servers, rounds)?;
    }
    Ok(())
}
