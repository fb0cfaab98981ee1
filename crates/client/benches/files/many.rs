//! Many small files, into a fresh folder.

use crate::Done;
use crate::measure::{Contender, Row, Sample, measure};
use crate::servers::{Servers, is_installed};
use rustix::fs::syncfs;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

pub(crate) fn run(servers: &Servers, rounds: usize) -> Done {
    let path = servers.root.join(NAME);
    make(&path)?;
    let path = path.display().to_string();
    let into = servers.home.join("into");
    let to = into.display().to_string();

    let client = || servers.client(&["get", "-r", NAME, "-o", &to]);
    let mut contenders: Vec<Contender<'_>> =
        vec![(Row::new("framing"), servers.ours.pid(), Box::new(client))];
    if let Some(ssh) = &servers.ssh {
        let from = format!("there:{path}");
        if is_installed("rsync", "--version") {
            let shell = format!("ssh -F {}", ssh.config());
            for (name, options) in [("rsync -a", "-a"), ("rsync -a --fsync", "-a --fsync")] {
                let (shell, from, to) = (shell.clone(), from.clone(), &to);
                let rsync = move || {
                    let mut command = Command::new("rsync");
                    command.args(options.split(' ')).args(["-e", &shell, &from, to]);
                    command
                };
                contenders.push((Row::new(name), ssh.pid(), Box::new(rsync)));
            }
        }
        let to = &to;
        let scp = move || {
            let mut command = Command::new("scp");
            command.args(["-q", "-r", "-F", &ssh.config(), &from, to]);
            command
        };
        contenders.push((Row::new("scp -r"), ssh.pid(), Box::new(scp)));
    }
    for _ in 0..rounds {
        for (row, server, client) in &mut contenders {
            fs::create_dir(&into)?;
            // What an earlier one has left to the kernel is not for this one to wait for.
            syncfs(File::open(&into)?)?;
            row.samples.push(measure(*server, &mut client())?);
            check(&into.join(NAME))?;
            fs::remove_dir_all(&into)?;
        }
    }
    let rows: Vec<Row> = contenders.into_iter().map(|(row, ..)| row).collect();
    show(&rows);
    Ok(())
}

fn make(path: &Path) -> Done {
    for folder in 0..FOLDERS {
        let folder = path.join(folder.to_string());
        fs::create_dir_all(&folder)?;
        for file in 0..FILES / FOLDERS {
            let byte = u8::try_from(file % 251)?;
            fs::write(folder.join(file.to_string()), [byte; SIZE])?;
        }
    }
    Ok(())
}

/// Whether all of them are there.
fn check(path: &Path) -> Done {
    let mut files = 0;
    for folder in fs::read_dir(path)? {
        for file in fs::read_dir(folder?.path())? {
            files += usize::from(file?.metadata()?.len() == SIZE as u64);
        }
    }
    if files == FILES { Ok(()) } else { Err(format!("{files} of {FILES} files have come").into()) }
}

/// Prints seconds, and CPU seconds of either side and of both.
fn show(rows: &[Row]) {
    println!(
        "\n10,000 x 1 KiB {:>13} {:>8} {:>14} {:>7} {:>7}",
        "s", "ratio", "CPU: client", "server", "both"
    );
    let Some(ours) = rows.first().map(Row::medians) else { return };
    for row in rows {
        let Sample { clock, client, server } = row.medians();
        let (ratio, both) = (ours.clock / clock, client + server);
        println!(
            "{:<20} {clock:>7.2} {ratio:>7.2}x {client:>13.2} {server:>7.2} {both:>7.2}",
            row.name
        );
    }
}

const NAME: &str = "many";

const FILES: usize = 10_000;

const FOLDERS: usize = 10;

/// Of each, in bytes.
const SIZE: usize = 1024;
