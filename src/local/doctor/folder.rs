//! The data folder itself: there, private, with room, on a file system that keeps locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use uuid::Uuid;

use super::Finding;

/// Less free room than this, and writes fail soon.
const LITTLE_ROOM_BYTES: u64 = 1 << 30;
/// Less than this, and they fail now and then: SQLite needs room to work.
const NO_ROOM_BYTES: u64 = 64 << 20;

const CHECK: &str = "data folder";

pub(super) fn check(path: &Path) -> Vec<Finding> {
    let shown = path.display();
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mend = "start it once, which makes the folder: chatbotx; or name the right folder with --data";
            vec![Finding::problem(CHECK, format!("there is no folder {shown}"), mend)]
        }
        Err(error) => {
            let mend = format!("let the user who runs the program reach it: ls -ld {shown}");
            vec![Finding::problem(CHECK, format!("{shown} cannot be looked at: {error}"), mend)]
        }
        Ok(metadata) if !metadata.is_dir() => {
            let mend = "name a folder with --data, or move the file away";
            vec![Finding::problem(CHECK, format!("{shown} is not a folder"), mend)]
        }
        Ok(metadata) => {
            vec![privacy(path, metadata.mode()), room(path), locks(path)]
        }
    }
}

fn privacy(path: &Path, mode: u32) -> Finding {
    let shown = path.display();
    if mode & 0o077 == 0 {
        return Finding::ok(CHECK, format!("{shown} is there, for its owner only"));
    }
    let what = format!("other users of this machine can look into {shown} (mode {:o})", mode & 0o777);
    Finding::warning(CHECK, what, format!("chmod 700 {shown}"))
}

fn room(path: &Path) -> Finding {
    let check = "disk space";
    match rustix::fs::statvfs(path) {
        Ok(space) => told(check, space.f_bavail.saturating_mul(space.f_frsize)),
        Err(error) => Finding::warning(check, format!("the free room cannot be told: {error}"), "look with df"),
    }
}

fn told(check: &str, free: u64) -> Finding {
    let mend = "make room on this disk, or move the folder to a larger one and name it with --data";
    let what = format!("{} MB are free", free / 1_000_000);
    match free {
        ..NO_ROOM_BYTES => Finding::problem(check, what, mend),
        NO_ROOM_BYTES..LITTLE_ROOM_BYTES => Finding::warning(check, what, mend),
        _ => Finding::ok(check, what),
    }
}

/// Tries in a file of its own whether the folder can be written to, and whether a lock keeps a second one out.
fn locks(path: &Path) -> Finding {
    let check = "file system";
    let file = path.join(format!(".doctor-{}", Uuid::now_v7().simple()));
    let tried = try_locks(&file);
    // It may never have been made.
    let _absent = std::fs::remove_file(&file);
    match tried {
        Ok(true) => Finding::ok(check, "files can be written, and locks are kept"),
        Ok(false) => Finding::problem(
            check,
            "the file system does not keep locks: two programs could open the databases and ruin them",
            "move the folder to a local disk: network file systems often pretend to lock",
        ),
        Err(error) => {
            let mend = format!("let the user who runs the program write there: ls -ld {}", path.display());
            Finding::problem(check, format!("a file cannot be written and locked in the folder: {error}"), mend)
        }
    }
}

fn try_locks(path: &Path) -> io::Result<bool> {
    let mut first = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    first.write_all(b"a lock is tried here\n")?;
    match first.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(matches!(File::open(path)?.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod unit_tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn little_room_is_told_before_there_is_none() {
        for (free, level) in
            [(NO_ROOM_BYTES - 1, Level::Problem), (NO_ROOM_BYTES, Level::Warning), (LITTLE_ROOM_BYTES, Level::Ok)]
        {
            assert_eq!(told("disk space", free).level, level, "{free}");
        }
    }
}
