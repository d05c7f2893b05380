//! The report folder: written under a temporary name beside its place, synced, and renamed when
//! whole, so that a report that looks whole is. A folder that is not a report is never replaced.

use super::scratch::Scratch;
use super::{Report, csv, json, page, parquet, run};
use crate::source::is_report_folder;
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A place for a report, claimed before any slow work.
#[derive(Debug)]
pub struct ReportFolder {
    place: PathBuf,
    scratch: Scratch,
}

impl ReportFolder {
    /// Claims `place`: it must be free or hold a report, and the folder around it must be writable.
    ///
    /// # Errors
    /// [`Error::Output`] with what stands there or what the system says.
    pub fn claim(place: &Path) -> Result<Self> {
        let refused = |reason: String| Error::Output { path: place.to_owned(), reason };
        if place.symlink_metadata().is_ok() && !is_report_folder(place) {
            let is_empty = std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
            if !is_empty {
                return Err(refused(
                    "exists and is not a refrain report, so it is not replaced; choose another place with -o".into(),
                ));
            }
        }
        let name =
            place.file_name().ok_or_else(|| refused("is no name for a folder; choose another place with -o".into()))?;
        let scratch = Scratch::beside(place, &name.to_string_lossy())
            .map_err(|e| refused(format!("no report can be written there ({e}); choose another place with -o")))?;
        Ok(Self { place: place.to_owned(), scratch })
    }

    /// Where it is written until it is whole.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes the report's files and puts the folder in its place.
    ///
    /// # Errors
    /// [`Error::Write`] with the file and the reason; the place is then as it was.
    pub fn write(self, report: &Report) -> Result<()> {
        let writing = self.scratch.path();
        let file = |name: &str, write: &dyn Fn(File) -> Result<(), String>| -> Result<()> {
            let path = writing.join(name);
            let written = File::create(&path).map_err(|e| e.to_string()).and_then(write);
            let synced = written.and_then(|()| File::open(&path).and_then(|f| f.sync_all()).map_err(|e| e.to_string()));
            synced.map_err(|reason| Error::Write { path: self.place.join(name), reason })
        };
        file("report.json", &|f| json::write(report, f))?;
        file("passages.parquet", &|f| parquet::write(report, f))?;
        if let Some(themes) = &report.themes {
            file("themes.csv", &|f| csv::write_themes(report, themes, f))?;
        }
        if let Some(duplicates) = &report.duplicates {
            file("duplicates.csv", &|f| csv::write_pairs(report, &duplicates.pairs, &duplicates.group_of, f))?;
            file("duplicates.parquet", &|f| parquet::write_pairs(duplicates, f))?;
        }
        file("report.html", &|f| page::write(report, f))?;
        // Of all that was written.
        file(run::NAME, &|f| run::write(report, &run::digests(writing).map_err(|e| e.to_string())?, f))?;
        let place = self.place.clone();
        self.put_in_place().map_err(|e| Error::Write { path: place, reason: e.to_string() })
    }

    /// An older report is moved away first and deleted last: at no moment does a part of one stand
    /// in its place.
    fn put_in_place(self) -> std::io::Result<()> {
        let scratch = self.scratch.finish()?;
        let written = scratch.path();
        #[cfg(unix)]
        {
            // Temporary folders are private; a report is as readable as the user's other folders.
            use std::os::unix::fs::PermissionsExt;
            let ordinary = written.join("mode");
            std::fs::create_dir(&ordinary)?;
            let mode = std::fs::metadata(&ordinary)?.permissions().mode();
            std::fs::remove_dir(&ordinary)?;
            std::fs::set_permissions(written, std::fs::Permissions::from_mode(mode))?;
            File::open(written)?.sync_all()?;
        }
        let old = if self.place.symlink_metadata().is_ok() {
            let mut old = written.as_os_str().to_owned();
            old.push(".old");
            let old = PathBuf::from(old);
            std::fs::rename(&self.place, &old)?;
            Some(old)
        } else {
            None
        };
        if let Err(error) = std::fs::rename(written, &self.place) {
            if let Some(old) = old {
                std::fs::rename(old, &self.place)?;
            }
            return Err(error);
        }
        old.map_or(Ok(()), std::fs::remove_dir_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_report_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("thesis");
        std::fs::create_dir(&place).unwrap();
        ReportFolder::claim(&place).expect("an empty folder may become a report");
        std::fs::write(place.join("chapter.txt"), "text").unwrap();
        let error = ReportFolder::claim(&place).unwrap_err().to_string();
        assert!(error.contains("is not a refrain report"), "{error}");
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert!(ReportFolder::claim(&file).is_err());
        assert!(
            ReportFolder::claim(&file.join("below"))
                .unwrap_err()
                .to_string()
                .contains("no report can be written there")
        );
    }

    #[test]
    fn a_claim_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(ReportFolder::claim(&folder.path().join("r")).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
