//! One large file, to the null device.

use crate::Done;
use crate::measure::{Contender, Row, Sample, measure};
use crate::servers::{Servers, is_installed};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

pub(crate) fn run(servers: &Servers, rounds: usize) -> Done {
    let path = servers.root.join(NAME);
    make(&path)?;
    let path = path.display().to_string();

    let client = || servers.client(&["get", NAME, "-o", "/dev/null"]);
    let mut contenders: Vec<Contender<'_>> =
        vec![(Row::new("framing"), servers.ours.pid(), Box::new(client))];
    if let Some(nginx) = servers.nginx.as_ref().filter(|_| is_installed("curl", "--version")) {
        let curl = || {
            let mut command = Command::new("curl");
            command.args(["-s", "-S", "-k", "--tlsv1.3", "-o", "/dev/null", &nginx.url(NAME)]);
            command
        };
        contenders.push((Row::new("curl, nginx https"), nginx.pid(), Box::new(curl)));
    }
    if let Some(ssh) = &servers.ssh {
        for name in ["scp", "sftp"] {
            let from = format!("there:{path}");
            let fetch = move || {
                let mut command = Command::new(name);
                command.args(["-q", "-F", &ssh.config(), &from, "/dev/null"]);
                command
            };
            contenders.push((Row::new(name), ssh.pid(), Box::new(fetch)));
        }
    }
    for _ in 0..rounds {
        for (row, server, client) in &mut contenders {
            row.samples.push(measure(*server, &mut client())?);
        }
    }
    let rows: Vec<Row> = contenders.into_iter().map(|(row, ..)| row).collect();
    show(&rows);
    Ok(())
}

/// A file of bytes of which no two blocks are alike, and which is in the page cache.
pub(crate) fn make(path: &Path) -> Done {
    let mut file = File::create(path)?;
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut block = vec![0; 1 << 20];
    for _ in 0..SIZE >> 20 {
        noise.fill(&mut block);
        file.write_all(&block)?;
    }
    // Or it would be written in the middle of what is measured.
    Ok(file.sync_all()?)
}

/// Prints speed, and CPU seconds for each GiB of either side and of both.
fn show(rows: &[Row]) {
    println!(
        "\n1 GiB {:>22} {:>8} {:>14} {:>7} {:>7}",
        "GB/s", "ratio", "CPU: client", "server", "both"
    );
    let Some(ours) = rows.first().map(Row::medians) else { return };
    for row in rows {
        let Sample { clock, client, server } = row.medians();
        println!(
            "{:<20} {:>7.2} {:>7.2}x {:>13.2} {:>7.2} {:>7.2}",
            row.name,
            GB / clock,
            ours.clock / clock,
            client,
            server,
            client + server
        );
    }
}

const NAME: &str = "large";

/// In bytes.
pub(crate) const SIZE: u64 = 1 << 30;

/// The same in units of 10^9.
pub(crate) const GB: f64 = 1.073_741_824;
