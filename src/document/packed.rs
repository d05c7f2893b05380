//! Compressed files: gzip (RFC 1952) and Zstandard (RFC 8878), by their first bytes. What is in one is read
//! as if it stood there unpacked, and is packed again where it is written back.

use super::limits::Limits;
use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, Read, Write};

/// The extensions of such files; the name before it says what is in them.
pub(crate) const EXTENSIONS: [&str; 3] = ["gz", "zst", "zstd"];

/// A way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
}

impl Packing {
    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0x1f, 0x8b, 8]) {
            return Some(Self::Gzip);
        }
        bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]).then_some(Self::Zstandard)
    }

    fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::default());
                packed.write_all(bytes)?;
                packed.finish()
            }
            Self::Zstandard => zstd::encode_all(bytes, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

/// What was in a file.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub bytes: Bytes,
    /// How it was packed, the outermost first.
    pub packings: Vec<Packing>,
    /// Why it is not all, if it is not.
    pub problem: Option<String>,
}

/// Unpacks a file, and what is in it, until it is not packed any more. A damaged one is unpacked as far as
/// it goes.
///
/// # Errors
/// Which limit it goes beyond.
pub(super) fn unpack(bytes: &Bytes, limits: &Limits) -> Result<Unpacked, String> {
    let mut unpacked = Unpacked { bytes: bytes.clone(), packings: vec![], problem: None };
    while let Some(packing) = Packing::of(&unpacked.bytes) {
        if unpacked.packings.len() as u64 >= limits.depth {
            return Err(format!("it is packed more than {} times over (--limit depth=N reads more)", limits.depth));
        }
        let packed = unpacked.bytes.as_ref();
        let Content { bytes, problem } = match packing {
            Packing::Gzip => read(MultiGzDecoder::new(packed), packed.len(), limits)?,
            Packing::Zstandard => {
                let decoder = zstd::Decoder::with_buffer(packed).map_err(|e| e.to_string())?;
                read(decoder, packed.len(), limits)?
            }
        };
        unpacked.problem = unpacked.problem.or(problem);
        unpacked.packings.push(packing);
        unpacked.bytes = bytes.into();
    }
    Ok(unpacked)
}

/// Packs what is left of a file as it was packed.
pub(super) fn pack(bytes: Vec<u8>, packings: &[Packing]) -> io::Result<Vec<u8>> {
    packings.iter().rev().try_fold(bytes, |bytes, packing| packing.pack(&bytes))
}

/// Bytes that were read, and why no more were.
pub(super) struct Content {
    pub bytes: Vec<u8>,
    pub problem: Option<String>,
}

/// Reads what `packed` bytes hold.
///
/// # Errors
/// Which limit it goes beyond.
pub(super) fn read(mut from: impl Read, packed: usize, limits: &Limits) -> Result<Content, String> {
    let mut bytes = Vec::new();
    loop {
        // A piece at a time, so that not much is unpacked beyond a limit.
        let before = bytes.len();
        let piece = from.by_ref().take(1 << 20).read_to_end(&mut bytes);
        if let Some(reason) = limits.too_large(bytes.len(), packed) {
            return Err(reason);
        }
        match piece {
            Ok(_) if bytes.len() == before => return Ok(Content { bytes, problem: None }),
            Ok(_) => {}
            Err(error) => return Ok(Content { bytes, problem: Some(error.to_string()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &[u8], packings: &[Packing]) -> Bytes {
        pack(text.to_vec(), packings).unwrap().into()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        for packings in [&[][..], &[Packing::Gzip], &[Packing::Zstandard], &[Packing::Gzip, Packing::Zstandard]] {
            let found = unpack(&packed(b"some text", packings), &Limits::default()).unwrap();
            assert_eq!((&found.bytes[..], &found.packings[..]), (&b"some text"[..], packings));
            assert_eq!(found.problem, None);
        }
        // Two gzip members in a row are one file.
        let twice = [packed(b"one ", &[Packing::Gzip]), packed(b"two", &[Packing::Gzip])].concat();
        assert_eq!(&unpack(&twice.into(), &Limits::default()).unwrap().bytes[..], b"one two");
    }

    #[test]
    fn a_file_that_ends_early_is_read_up_to_there() {
        let text: Vec<u8> =
            (0..60_000_u32).flat_map(|i| format!("{} ", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        for packing in [Packing::Gzip, Packing::Zstandard] {
            let whole = packed(&text, &[packing]);
            let found = unpack(&whole.slice(..whole.len() / 2), &Limits::default()).unwrap();
            assert!(found.problem.is_some() && text.starts_with(&found.bytes));
            assert!(found.bytes.len() > text.len() / 4, "{} of {}", found.bytes.len(), text.len());
        }
    }

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![0; 64 << 20];
        for packing in [Packing::Gzip, Packing::Zstandard] {
            let problem = unpack(&packed(&zeros, &[packing]), &Limits::default()).unwrap_err();
            assert!(problem.contains("200 times"), "{problem}");
            let large = Limits { unpacked: 1 << 20, ratio: 1 << 20, ..Limits::default() };
            assert!(unpack(&packed(&zeros, &[packing]), &large).unwrap_err().contains("1048576 bytes"));
        }
        let deep = unpack(&packed(b"text", &[Packing::Gzip; 5]), &Limits::default()).unwrap_err();
        assert!(deep.contains("4 times"), "{deep}");
    }
}
