//! Archives: zip, tar and WARC. Each member is read as a file of its own, by the name it has in the archive.

use super::limits::Limits;
use super::packed::{self, Content, Counted, Seekable, Whole};
use super::warc;
use crate::Warning;
use bytes::Bytes;
use std::cell::Cell;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::rc::Rc;

/// What a zip file with something in it begins with.
pub(super) const ZIP: &[u8] = b"PK\x03\x04";

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    Zip,
    Tar,
    Warc,
}

/// A file in an archive.
pub(super) struct Member {
    /// Its name in the archive.
    pub name: String,
    pub bytes: Bytes,
    /// The address that it was fetched from, and when.
    pub url: Option<String>,
    pub date: Option<String>,
}

impl Archive {
    /// By the first bytes; a document that is a zip file inside is for others to recognise.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(ZIP) || bytes.starts_with(b"PK\x05\x06") {
            return Some(Self::Zip);
        }
        if bytes.starts_with(warc::MAGIC) {
            return Some(Self::Warc);
        }
        (bytes.get(257..262) == Some(b"ustar")).then_some(Self::Tar)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Warc => "WARC",
        }
    }

    /// Hands each file in an archive to `take`; what cannot be read is a warning. A zip file can be read in any
    /// order, or is read whole for that.
    pub fn members(
        self,
        name: &str,
        content: Content,
        limits: &Limits,
        warnings: &mut Vec<Warning>,
        mut take: impl FnMut(Member),
    ) {
        let mut reader = Members { archive: name, limits, warnings, n_read: 0, unpacked: 0, take: &mut take };
        let problem = match self {
            Self::Zip => match content.seekable() {
                Some(Seekable::File(file)) => reader.of_zip(BufReader::new(file)),
                Some(Seekable::Bytes(bytes)) => reader.of_zip(Cursor::new(bytes)),
                None => match content.whole(limits) {
                    Ok(whole) => reader.of_zip(Cursor::new(whole.bytes)).or(whole.problem),
                    Err(problem) => Some(problem),
                },
            },
            Self::Tar => reader.of_tar(content.stream(limits)),
            Self::Warc => reader.of_warc(content.stream(limits)),
        };
        if let Some(problem) = problem {
            warnings.push(Warning::Damaged { document: name.into(), problem });
        }
    }
}

struct Members<'a> {
    archive: &'a str,
    limits: &'a Limits,
    warnings: &'a mut Vec<Warning>,
    n_read: u64,
    /// Bytes of all members so far.
    unpacked: usize,
    take: &'a mut dyn FnMut(Member),
}

impl Members<'_> {
    /// Reads all members; why there may be more, if there may.
    fn of_zip(&mut self, mut zip: impl Read + Seek) -> Option<String> {
        let size = zip.seek(SeekFrom::End(0)).unwrap_or(0) as usize;
        let mut zip = match zip::ZipArchive::new(zip) {
            Ok(zip) => zip,
            Err(error) => return Some(format!("its list of members cannot be read: {error}")),
        };
        for i in 0..zip.len() {
            match zip.by_index(i) {
                Ok(member) if member.is_dir() => {}
                Ok(member) => {
                    let name = member.name().map_or_else(|_| format!("member {}", i + 1), std::borrow::Cow::into_owned);
                    // What it claims may be a lie.
                    let packed = (member.compressed_size() as usize).min(size);
                    if let Err(reason) = self.read(name, member, || packed, || size) {
                        return Some(reason);
                    }
                }
                Err(error) => self.lost(&format!("member {}", i + 1), &error.to_string()),
            }
        }
        None
    }

    fn of_tar(&mut self, from: impl Read) -> Option<String> {
        let n_read = Rc::new(Cell::new(0));
        let mut tar = tar::Archive::new(Counted { from, n_read: Rc::clone(&n_read) });
        let entries = match tar.entries() {
            Ok(entries) => entries,
            Err(error) => return Some(error.to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    return Some(format!("the members after the first {} cannot be read: {error}", self.n_read));
                }
            };
            let kind = entry.header().entry_type();
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if kind.is_file() || kind.is_gnu_sparse() || kind.is_contiguous() {
                // A sparse member may be far larger than the archive.
                let so_far = || n_read.get() as usize;
                if let Err(reason) = self.read(name, entry, so_far, so_far) {
                    return Some(reason);
                }
            } else if !kind.is_dir() && !kind.is_pax_global_extensions() {
                self.lost(&name, "it is neither a file nor a folder");
            }
        }
        None
    }

    fn of_warc(&mut self, from: impl Read) -> Option<String> {
        let mut records = warc::Records::new(from, self.limits);
        let problem = loop {
            match records.next_member() {
                Ok(Some(_)) if self.n_read >= self.limits.members => break Some(self.too_many()),
                Ok(Some(member)) => {
                    self.n_read += 1;
                    (self.take)(member);
                }
                Ok(None) => break None,
                Err(problem) => break Some(problem),
            }
        };
        if records.n_refused > 0 {
            let (document, n_answers) = (self.archive.into(), records.n_refused);
            self.warnings.push(Warning::AnswersLeftOut { document, n_answers });
        }
        for (record, reason) in records.too_large {
            self.lost(&record, &reason);
        }
        problem
    }

    /// Reads a member of so many bytes in an archive of so many, and hands it on.
    ///
    /// # Errors
    /// Why no more are read: there are too many, or members that share their bytes come to far more than the
    /// archive.
    fn read(
        &mut self,
        name: String,
        from: impl Read,
        packed: impl Fn() -> usize,
        of_archive: impl Fn() -> usize,
    ) -> Result<(), String> {
        if self.n_read >= self.limits.members {
            return Err(self.too_many());
        }
        self.n_read += 1;
        match packed::read(from, packed, self.limits) {
            Ok(Whole { bytes, problem }) => {
                if let Some(problem) = problem {
                    let document = self.shown(&name);
                    self.warnings.push(Warning::Damaged { document, problem });
                }
                self.unpacked += bytes.len();
                if let Some(reason) = self.limits.beyond_ratio(self.unpacked, of_archive()) {
                    return Err(reason);
                }
                (self.take)(Member { name, bytes, url: None, date: None });
            }
            Err(problem) => self.lost(&name, &problem),
        }
        Ok(())
    }

    fn too_many(&self) -> String {
        format!("it has more than {} members, and no more are read (--limit members=N reads more)", self.n_read)
    }

    fn lost(&mut self, member: &str, reason: &str) {
        let document = self.shown(member);
        self.warnings.push(Warning::Unreadable { document, reason: reason.into() });
    }

    fn shown(&self, member: &str) -> String {
        format!("{}/{member}", self.archive)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    pub fn zip(members: &[(&str, &[u8])]) -> Bytes {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner().into()
    }

    fn tar(members: &[(&str, &[u8])]) -> Bytes {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap().into()
    }

    fn read(bytes: &Bytes, limits: &Limits) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
        let (mut found, mut warnings) = (Vec::new(), Vec::new());
        let archive = Archive::recognise(bytes).unwrap();
        let content = Content::of_bytes(bytes, limits).unwrap();
        archive.members("a", content, limits, &mut warnings, |member| found.push((member.name, member.bytes.to_vec())));
        (found, warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn members_are_read_in_order() {
        let members: [(&str, &[u8]); 2] = [("site/one.txt", b"One"), ("two.html", b"<p>Two</p>")];
        for bytes in [zip(&members), tar(&members)] {
            let (found, warnings) = read(&bytes, &Limits::default());
            assert_eq!(found, members.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())));
            assert_eq!(warnings, [""; 0]);
        }
    }

    #[test]
    fn a_limit_costs_what_is_beyond_it() {
        let large = vec![b'a'; 2 << 20];
        let members: [(&str, &[u8]); 3] = [("1", b"One"), ("2", &large), ("3", b"Three")];
        for bytes in [zip(&members), tar(&members)] {
            let (found, warnings) = read(&bytes, &Limits { unpacked: 1 << 20, ..Limits::default() });
            assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["1", "3"]);
            assert!(warnings.len() == 1 && warnings[0].starts_with("a/2: not read"), "{warnings:?}");
            let (found, warnings) = read(&bytes, &Limits { members: 1, ..Limits::default() });
            assert_eq!(found.len(), 1);
            assert!(warnings.len() == 1 && warnings[0].contains("more than 1 members"), "{warnings:?}");
        }
    }

    #[test]
    fn members_that_come_to_far_more_than_the_archive_are_not_all_read() {
        // Each is small enough to be read, and packed to next to nothing.
        let large = vec![b'a'; 5 << 20];
        let names: Vec<String> = (0..9).map(|i| i.to_string()).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &large[..])).collect();
        let (found, warnings) = read(&zip(&members), &Limits::default());
        assert_eq!(found.len(), 3, "up to 16 MiB");
        assert!(warnings.len() == 1 && warnings[0].contains("200 times its size"), "{warnings:?}");
        assert_eq!(read(&tar(&members), &Limits::default()).0.len(), 9);
    }

    #[test]
    fn an_archive_that_ends_early_is_a_warning() {
        let members: [(&str, &[u8]); 2] = [("1", b"One"), ("2", b"Two")];
        let (tar, zip) = (tar(&members), zip(&members));
        let (found, warnings) = read(&tar.slice(..1024 + 300), &Limits::default());
        assert_eq!((found.len(), warnings.len()), (1, 1), "{warnings:?}");
        let (found, warnings) = read(&zip.slice(..40), &Limits::default());
        assert_eq!((found.len(), warnings.len()), (0, 1), "{warnings:?}");
    }
}
