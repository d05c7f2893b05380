//! What an input holds, unpacked: gzip (RFC 1952) and Zstandard (RFC 8878) are known by their first bytes. What
//! is in such a file is read as if it stood there unpacked, and is packed again where it is written back.
//!
//! It is a stream of which the beginning is read ahead, so that the format can be told: tables and archives are
//! read row by row and member by member from it, and what has to be whole is read to its end.

use super::limits::Limits;
use crate::source::Input;
use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::rc::Rc;

/// The extensions of such files; the name before it says what is in them.
pub(crate) const EXTENSIONS: [&str; 3] = ["gz", "zst", "zstd"];
/// Bytes that are read ahead.
const AHEAD: usize = 1 << 20;

/// A way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
}

impl Packing {
    /// The first bytes that tell.
    const MAGIC: usize = 4;

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

    fn unpacking<'a>(self, packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(packed))),
            Self::Zstandard => Box::new(zstd::Decoder::new(packed)?),
        })
    }
}

/// Packs what is left of a file as it was packed.
pub(super) fn pack(bytes: Vec<u8>, packings: &[Packing]) -> io::Result<Vec<u8>> {
    packings.iter().rev().try_fold(bytes, |bytes, packing| packing.pack(&bytes))
}

/// What an input holds.
pub(super) struct Content<'a> {
    /// The first bytes; if they are few, all of them.
    head: Bytes,
    rest: Box<dyn Read + 'a>,
    origin: Origin<'a>,
    /// How it was packed, the outermost first.
    packings: Vec<Packing>,
    /// Bytes of the input, if that is known, and bytes read of it so far.
    size: Option<u64>,
    n_read: Rc<Cell<u64>>,
}

enum Origin<'a> {
    Input(&'a Input),
    Bytes(Bytes),
}

/// All that an input holds.
#[derive(Debug)]
pub(super) struct Whole {
    pub bytes: Bytes,
    /// Why it is not all, if it is not.
    pub problem: Option<String>,
}

/// What can be read from any place on.
pub(super) enum Seekable {
    File(File),
    Bytes(Bytes),
}

impl<'a> Content<'a> {
    /// Of a file or a stream.
    ///
    /// # Errors
    /// What the system says, or that it is packed too deep.
    pub fn of_input(input: &'a Input, limits: &Limits) -> Result<Self, String> {
        let file = input.open().map_err(|e| e.to_string())?;
        Self::of(file, Origin::Input(input), input.size(), limits)
    }

    /// Of bytes that are at hand.
    ///
    /// # Errors
    /// That it is packed too deep.
    pub fn of_bytes(bytes: &Bytes, limits: &Limits) -> Result<Self, String> {
        let size = Some(bytes.len() as u64);
        Self::of(Box::new(Cursor::new(bytes.clone())), Origin::Bytes(bytes.clone()), size, limits)
    }

    fn of(from: Box<dyn Read + 'a>, origin: Origin<'a>, size: Option<u64>, limits: &Limits) -> Result<Self, String> {
        let n_read = Rc::new(Cell::new(0));
        let mut reader: Box<dyn Read> = Box::new(Counted { from, n_read: Rc::clone(&n_read) });
        let mut packings = Vec::new();
        loop {
            let (magic, rest) = read_ahead(reader, Packing::MAGIC);
            let packing = Packing::of(&magic);
            reader = Box::new(Cursor::new(magic).chain(rest));
            let Some(packing) = packing else { break };
            if packings.len() as u64 >= limits.depth {
                return Err(format!("it is packed more than {} times over (--limit depth=N reads more)", limits.depth));
            }
            reader = packing.unpacking(reader).map_err(|e| e.to_string())?;
            packings.push(packing);
        }
        let (head, rest) = read_ahead(reader, AHEAD);
        Ok(Self { head: head.into(), rest, origin, packings, size, n_read })
    }

    /// The first bytes; if they are few, all of them.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// Whether there is, or may be, more than its head.
    pub fn is_long(&self) -> bool {
        self.head.len() >= AHEAD
    }

    /// How it was packed, the outermost first.
    pub fn packings(&self) -> &[Packing] {
        &self.packings
    }

    /// To read in any order; none if it has to be unpacked or is a stream.
    pub fn seekable(&self) -> Option<Seekable> {
        if !self.packings.is_empty() {
            return None;
        }
        match &self.origin {
            Origin::Input(input) => input.file().map(Seekable::File),
            Origin::Bytes(bytes) => Some(Seekable::Bytes(bytes.clone())),
        }
    }

    /// To read from the beginning on. What unpacks to far more than it was packed into ends with an error.
    pub fn stream(self, limits: &Limits) -> impl Read + use<'a> {
        let Self { head, rest, packings, size, n_read, .. } = self;
        let unpacked = Cursor::new(head).chain(rest);
        Guarded { from: unpacked, n: 0, limits: (!packings.is_empty()).then_some(*limits), size, n_read }
    }

    /// To its end. A damaged one is unpacked as far as it goes.
    ///
    /// # Errors
    /// Which limit it goes beyond, or what the system says.
    pub fn whole(self, limits: &Limits) -> Result<Whole, String> {
        let Self { head, rest, origin, packings, size, n_read } = self;
        let too_large = || format!("it is larger than {} bytes (--limit file=N reads more)", limits.file);
        if size.is_some_and(|size| size > limits.file) {
            return Err(too_large());
        }
        if !packings.is_empty() {
            let of_size = || size.unwrap_or_else(|| n_read.get()) as usize;
            return read(Cursor::new(head).chain(rest), of_size, limits);
        }
        if let Origin::Bytes(bytes) = origin {
            return Ok(Whole { bytes, problem: None });
        }
        let mut more = Vec::new();
        rest.take(limits.file.saturating_add(1)).read_to_end(&mut more).map_err(|e| e.to_string())?;
        if (head.len() + more.len()) as u64 > limits.file {
            return Err(too_large());
        }
        let bytes = if more.is_empty() { head } else { [&head[..], &more].concat().into() };
        Ok(Whole { bytes, problem: None })
    }
}

/// Reads what is packed in so many bytes.
///
/// # Errors
/// Which limit it goes beyond.
pub(super) fn read(mut from: impl Read, packed: impl Fn() -> usize, limits: &Limits) -> Result<Whole, String> {
    let mut bytes = Vec::new();
    loop {
        // A piece at a time, so that not much is unpacked beyond a limit.
        let before = bytes.len();
        let piece = from.by_ref().take(1 << 20).read_to_end(&mut bytes);
        if let Some(reason) = limits.too_large(bytes.len(), packed()) {
            return Err(reason);
        }
        let problem = match piece {
            Ok(_) if bytes.len() == before => None,
            Ok(_) => continue,
            Err(error) => Some(error.to_string()),
        };
        return Ok(Whole { bytes: bytes.into(), problem });
    }
}

/// The first `most` bytes, and what follows them; an error on the way comes after them.
fn read_ahead<'a>(mut from: Box<dyn Read + 'a>, most: usize) -> (Vec<u8>, Box<dyn Read + 'a>) {
    let mut head = Vec::new();
    match from.by_ref().take(most as u64).read_to_end(&mut head) {
        Ok(_) => (head, from),
        Err(error) => (head, Box::new(Failed(Some(error)))),
    }
}

/// What could not be read any further.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Says how much was read.
pub(super) struct Counted<R> {
    pub from: R,
    pub n_read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.n_read.set(self.n_read.get() + n as u64);
        Ok(n)
    }
}

/// Ends where the ratio of what was unpacked to what it was packed into is beyond the limit.
struct Guarded<R> {
    from: R,
    n: usize,
    /// None of what was not packed.
    limits: Option<Limits>,
    size: Option<u64>,
    n_read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.n += n;
        let packed = self.size.unwrap_or_else(|| self.n_read.get()) as usize;
        match self.limits.and_then(|limits| limits.beyond_ratio(self.n, packed)) {
            Some(reason) => Err(io::Error::other(reason)),
            None => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &[u8], packings: &[Packing]) -> Bytes {
        pack(text.to_vec(), packings).unwrap().into()
    }

    fn unpack(bytes: &Bytes, limits: &Limits) -> Result<Whole, String> {
        Content::of_bytes(bytes, limits)?.whole(limits)
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        for packings in [&[][..], &[Packing::Gzip], &[Packing::Zstandard], &[Packing::Gzip, Packing::Zstandard]] {
            for text in [&b"some text"[..], &b"longer text ".repeat(AHEAD / 4)] {
                let (bytes, limits) = (packed(text, packings), Limits { ratio: 1 << 20, ..Limits::default() });
                let content = Content::of_bytes(&bytes, &limits).unwrap();
                assert_eq!((content.packings(), content.is_long()), (packings, text.len() > AHEAD));
                let mut streamed = Vec::new();
                content.stream(&limits).read_to_end(&mut streamed).unwrap();
                let found = unpack(&bytes, &limits).unwrap();
                assert!(found.bytes == text && streamed == text && found.problem.is_none());
            }
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
            let bytes = packed(&zeros, &[packing]);
            let problem = unpack(&bytes, &Limits::default()).unwrap_err();
            assert!(problem.contains("200 times"), "{problem}");
            let large = Limits { unpacked: 1 << 20, ratio: 1 << 20, ..Limits::default() };
            assert!(unpack(&bytes, &large).unwrap_err().contains("1048576 bytes"));
            let content = Content::of_bytes(&bytes, &Limits::default()).unwrap();
            let mut streamed = Vec::new();
            let problem = content.stream(&Limits::default()).read_to_end(&mut streamed).unwrap_err().to_string();
            assert!(problem.contains("200 times") && streamed.len() <= (16 << 20) + 1, "{problem}");
        }
        let deep = unpack(&packed(b"text", &[Packing::Gzip; 5]), &Limits::default()).unwrap_err();
        assert!(deep.contains("4 times"), "{deep}");
    }
}
