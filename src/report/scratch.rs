//! Where outputs are written before they are put in place: a folder beside the place, under a temporary name.
//!
//! A run that was killed cannot take its folder away; the next one that writes to the same place does. A lock in
//! the folder, which does not go to the place and which the system gives up with the process, tells the two apart.

use crate::source::WRITING;
use std::fs::File;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A folder to write in.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    lock: File,
}

impl Scratch {
    /// A folder beside `place`, whose name is `name`; what killed runs have left there goes.
    ///
    /// # Errors
    /// What the system says.
    pub fn beside(place: &Path, name: &str) -> io::Result<Self> {
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent)?;
        let prefix = format!(".{name}.writing-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
        // Locked before it has its name, so that nobody finds it without the lock. Where the file system has no locks,
        // nothing is taken away either.
        let unnamed = folder.path().join("lock");
        let lock = File::create(&unnamed)?;
        lock.try_lock().ok();
        std::fs::rename(unnamed, folder.path().join(WRITING))?;
        for entry in std::fs::read_dir(parent)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) && is_left(&entry.path()) {
                std::fs::remove_dir_all(entry.path()).ok();
            }
        }
        Ok(Self { folder, lock })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes the lock away: the folder is whole, and may be put in its place.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self) -> io::Result<TempDir> {
        std::fs::remove_file(self.folder.path().join(WRITING))?;
        drop(self.lock);
        Ok(self.folder)
    }
}

/// Whether whoever wrote into a folder is gone.
fn is_left(folder: &Path) -> bool {
    File::open(folder.join(WRITING)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_and_what_another_run_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let left = folder.path().join(".out.writing-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(WRITING), "").unwrap();
        let others = folder.path().join(".out.writing-notes");
        std::fs::create_dir(&others).unwrap();
        let running = Scratch::beside(&place, "out").unwrap();
        assert!(!left.exists() && others.exists());
        let second = Scratch::beside(&place, "out").unwrap();
        assert!(running.path().exists());
        assert_eq!(second.finish().unwrap().path().read_dir().unwrap().count(), 0);
    }
}
