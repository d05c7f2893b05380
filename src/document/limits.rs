//! How much of an input is read, so that no file takes more memory or time than was meant for it.

use std::str::FromStr;

/// From this size on, the ratio of what is unpacked to what it was packed into is looked at.
const MIN_FOR_RATIO: usize = 16 << 20;

/// The most that is read. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A file that is read whole; default 8 GiB. Tables and archives are not, and may be larger.
    pub file: u64,
    /// What a compressed file that is read whole or a member of an archive holds; default 4 GiB.
    pub unpacked: u64,
    /// A row of a table; default 64 MiB.
    pub row: u64,
    /// How many times as large as the packed bytes what is in them may be, from 16 MiB on; default 200.
    pub ratio: u64,
    /// Archives and compressed files within each other; default 4.
    pub depth: u64,
    /// Members of an archive; default 100,000.
    pub members: u64,
    /// Files under the paths that are named; default 10,000,000.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 8 << 30,
            unpacked: 4 << 30,
            row: 64 << 20,
            ratio: 200,
            depth: 4,
            members: 100_000,
            files: 10_000_000,
        }
    }
}

/// One of the [`Limits`], from `name=number`; a number may end in `k`, `M`, `G` or `T` (powers of 1024).
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    of: fn(&mut Limits) -> &mut u64,
    most: u64,
}

/// What is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected file, unpacked, row, ratio, depth, members or files, `=` and a number of at least 1, such as file=2G"
)]
pub struct NoLimit;

impl FromStr for Limit {
    type Err = NoLimit;

    fn from_str(setting: &str) -> Result<Self, NoLimit> {
        let (name, value) = setting.split_once('=').ok_or(NoLimit)?;
        let of: fn(&mut Limits) -> &mut u64 = match name {
            "file" => |limits| &mut limits.file,
            "unpacked" => |limits| &mut limits.unpacked,
            "row" => |limits| &mut limits.row,
            "ratio" => |limits| &mut limits.ratio,
            "depth" => |limits| &mut limits.depth,
            "files" => |limits| &mut limits.files,
            "members" => |limits| &mut limits.members,
            _ => return Err(NoLimit),
        };
        let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let power = match &value[digits.len()..] {
            "" => 0,
            "k" | "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(NoLimit),
        };
        let most = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << power)).filter(|&n| n > 0);
        Ok(Self { of, most: most.ok_or(NoLimit)? })
    }
}

impl Limits {
    /// These with one of them set.
    #[must_use]
    pub fn with(mut self, limit: Limit) -> Self {
        *(limit.of)(&mut self) = limit.most;
        self
    }

    /// Why a row is not read.
    pub(super) fn row_too_long(&self) -> String {
        format!("longer than {} bytes (--limit row=N reads more)", self.row)
    }

    /// Why so many bytes out of so many packed ones are too many, if they are.
    pub(super) fn too_large(&self, unpacked: usize, packed: usize) -> Option<String> {
        if unpacked as u64 > self.unpacked {
            return Some(format!("it unpacks to more than {} bytes (--limit unpacked=N reads more)", self.unpacked));
        }
        self.beyond_ratio(unpacked, packed)
    }

    /// The same by their ratio alone: what all members of an archive come to may be as large as it likes.
    pub(super) fn beyond_ratio(&self, unpacked: usize, packed: usize) -> Option<String> {
        let is_far_larger = unpacked > MIN_FOR_RATIO && unpacked as u64 / self.ratio > packed as u64;
        is_far_larger
            .then(|| format!("it unpacks to more than {} times its size (--limit ratio=N reads more)", self.ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_by_its_name() {
        let set = |limits: Limits, setting: &str| limits.with(setting.parse().unwrap());
        let limits = ["file=2G", "ratio=7", "members=10k"].into_iter().fold(Limits::default(), set);
        assert_eq!(limits, Limits { file: 2 << 30, ratio: 7, members: 10 << 10, ..Limits::default() });
        for wrong in ["file", "fields=1", "file=", "file=-1", "file=0", "file=1X", "file=99999999999T"] {
            assert_eq!(wrong.parse::<Limit>().err(), Some(NoLimit), "{wrong}");
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_told() {
        let limits = Limits { unpacked: 1 << 30, ..Limits::default() };
        assert_eq!(limits.too_large(1 << 24, 10), None, "small things may be very small when packed");
        assert!(limits.too_large((1 << 24) + 200, 1 << 10).unwrap().contains("200 times"));
        assert_eq!(limits.too_large(1 << 30, 1 << 23), None);
        assert!(limits.too_large((1 << 30) + 1, 1 << 30).unwrap().contains("1073741824 bytes"));
    }
}
