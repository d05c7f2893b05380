//! Bytes become UTF-8. An encoding is known by its byte order mark, by what the document declares, or is
//! detected (chardetng, the detector of Firefox); the names are those of the Encoding Standard.

use crate::Warning;
use bytes::Bytes;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::Serialize;

/// Bytes at the beginning in which a document declares its encoding.
const DECLARED_WITHIN: usize = 1024;
/// The mark that UTF-8 may begin with.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// How an encoding was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The mark at the beginning.
    ByteOrderMark,
    /// What the document says.
    Declaration,
    /// What its bytes look like.
    Detection,
}

impl KnownBy {
    /// In a sentence.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "by its byte order mark",
            Self::Declaration => "as it declares",
            Self::Detection => "by the look of its bytes",
        }
    }
}

/// UTF-8 that comes in pieces: what is invalid in it is replaced, counted and placed.
#[derive(Default)]
pub(super) struct Replaced {
    /// Bytes before the next piece and the open character.
    n_bytes: usize,
    n: usize,
    first_at: Option<usize>,
    /// The beginning of a character, whose end the next piece may have.
    open: Vec<u8>,
}

impl Replaced {
    /// The next piece as text, without the mark at the beginning. Pieces end between characters.
    pub fn decode(&mut self, bytes: &[u8]) -> String {
        let piece = if self.n_bytes == 0 { bytes.strip_prefix(MARK).unwrap_or(bytes) } else { bytes };
        let mut text = String::with_capacity(piece.len());
        for chunk in piece.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.replaced_at(chunk.invalid().as_ptr() as usize - bytes.as_ptr() as usize);
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.n_bytes += bytes.len();
        text
    }

    /// Looks at the next piece, whoever replaces what is invalid in it; pieces end anywhere, the last is empty.
    pub fn look_at(&mut self, bytes: &[u8]) {
        let joined = [std::mem::take(&mut self.open), bytes.to_vec()].concat();
        let mut at = 0;
        while let Err(error) = std::str::from_utf8(&joined[at..]) {
            let invalid = at + error.valid_up_to();
            match error.error_len() {
                None if !bytes.is_empty() => {
                    self.open = joined[invalid..].to_vec();
                    break;
                }
                length => {
                    self.replaced_at(invalid);
                    at = length.map_or(joined.len(), |length| invalid + length);
                }
            }
        }
        self.n_bytes += joined.len() - self.open.len();
    }

    fn replaced_at(&mut self, at: usize) {
        self.n += 1;
        self.first_at.get_or_insert(self.n_bytes + at);
    }

    /// What is to be said of it.
    pub fn warning(&self, document: &str) -> Option<Warning> {
        let (document, n_replaced) = (document.into(), self.n);
        self.first_at.map(|first_at| Warning::InvalidUtf8 { document, n_replaced, first_at })
    }
}

/// UTF-16 as UTF-8: its bytes look like no text, and like no format.
pub(super) fn from_utf16(name: &str, bytes: &Bytes, warnings: &mut Vec<Warning>) -> Option<Bytes> {
    let (encoding, known_by) = match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding == UTF_8 => return None,
        Some((encoding, _)) => (encoding, KnownBy::ByteOrderMark),
        None => {
            let head = &bytes[..bytes.len().min(4096)];
            let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count() * 2;
            // Letters of Latin scripts have a zero beside them.
            let is = |with: usize, without: usize| with * 10 > head.len() * 4 && without * 10 < head.len();
            match (zeros(0), zeros(1)) {
                (even, odd) if is(odd, even) => (UTF_16LE, KnownBy::Detection),
                (even, odd) if is(even, odd) => (UTF_16BE, KnownBy::Detection),
                _ => return None,
            }
        }
    };
    Some(decoded(name, bytes, encoding, known_by, warnings))
}

/// Text in another encoding as UTF-8; none if it is UTF-8, be it damaged.
pub(super) fn from_other(name: &str, bytes: &Bytes, warnings: &mut Vec<Warning>) -> Option<Bytes> {
    let (mut n_valid, mut n_invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        n_valid += chunk.valid().bytes().filter(|byte| (0xc2..=0xf4).contains(byte)).count();
        n_invalid += usize::from(!chunk.invalid().is_empty());
    }
    // ISO-2022-JP is written in ASCII, with escapes.
    let may_be_iso_2022_jp = n_valid == 0 && n_invalid == 0 && bytes.windows(2).any(|pair| pair == b"\x1b$");
    if n_invalid == 0 && !may_be_iso_2022_jp {
        return None;
    }
    if let Some(encoding) = declared(bytes).filter(|&encoding| encoding != UTF_8) {
        return Some(decoded(name, bytes, encoding, KnownBy::Declaration, warnings));
    }
    // Other encodings hardly ever look like UTF-8: where more of it is valid than not, it is damaged.
    if n_valid > n_invalid {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    Some(decoded(name, bytes, encoding, KnownBy::Detection, warnings))
}

/// The encoding that HTML or XML declares.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARED_WITHIN)]).to_ascii_lowercase();
    if !head.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return None;
    }
    let after = ["charset=", "encoding="].iter().find_map(|name| Some(&head[head.find(name)? + name.len()..]))?;
    let label = after.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(label.len());
    // A document that declares UTF-16 in ASCII is not in it.
    Encoding::for_label(&label.as_bytes()[..end]).filter(|&encoding| encoding != UTF_16LE && encoding != UTF_16BE)
}

fn decoded(
    name: &str,
    bytes: &[u8],
    encoding: &'static Encoding,
    known_by: KnownBy,
    warnings: &mut Vec<Warning>,
) -> Bytes {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
    let (mut at, mut n_replaced, mut first_at) = (0, 0, None);
    loop {
        text.reserve(decoder.max_utf8_buffer_length(bytes.len() - at).unwrap_or(0).clamp(64, 1 << 20));
        let (result, read) = decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
        at += read;
        match result {
            encoding_rs::DecoderResult::InputEmpty => break,
            encoding_rs::DecoderResult::OutputFull => {}
            encoding_rs::DecoderResult::Malformed(length, after) => {
                n_replaced += 1;
                first_at.get_or_insert(at.saturating_sub(usize::from(length) + usize::from(after)));
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
    let document = name.into();
    warnings.push(Warning::Decoded { document, encoding: encoding.name(), known_by, n_replaced, first_at });
    text.into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text, and what was said about it.
    fn read(bytes: &[u8]) -> Option<(String, String)> {
        let (bytes, mut warnings) = (Bytes::copy_from_slice(bytes), Vec::new());
        let text = from_utf16("a", &bytes, &mut warnings).or_else(|| from_other("a", &bytes, &mut warnings))?;
        Some((String::from_utf8(text.to_vec()).unwrap(), warnings[0].to_string()))
    }

    fn assert_read(text: &str, label: &str, prefix: &str) {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let (encoded, _, has_unmappable) = encoding.encode(text);
        assert!(!has_unmappable);
        let (found, said) = read(&[prefix.as_bytes(), &encoded].concat()).unwrap();
        assert_eq!(found, format!("{prefix}{text}"), "{label}");
        assert!(said.contains(encoding.name()), "{said}");
    }

    #[test]
    fn encodings_are_detected() {
        assert_read("Le café crème de la forêt, où l'été s'achève à peine.", "windows-1252", "");
        assert_read("Он сказал, что завтра будет хорошая погода.", "windows-1251", "");
        assert_read("Он сказал, что завтра будет хорошая погода.", "koi8-u", "");
        assert_read("東京都は日本の首都であり、世界最大級の都市である。", "shift_jis", "");
        assert_read("東京都は日本の首都であり、世界最大級の都市である。", "euc-jp", "");
        assert_read("東京都は日本の首都であり、世界最大級の都市である。", "iso-2022-jp", "");
        assert_read("한국의 수도는 서울특별시이며 가장 큰 도시이다.", "euc-kr", "");
        assert_read("北京是中华人民共和国的首都，也是全国的政治中心。", "gbk", "");
        assert_read("臺北市是中華民國的首都，也是政治與文化的中心。", "big5", "");
    }

    #[test]
    fn what_is_declared_is_believed_where_the_bytes_are_not_utf_8() {
        assert_read("é", "iso-8859-2", "<html><head><meta charset=iso-8859-2>");
        assert_read("é", "windows-1252", "<?xml version='1.0' encoding='ISO-8859-1'?>");
        assert_eq!(read("<meta charset=iso-8859-1>café".as_bytes()), None);
    }

    #[test]
    fn utf_16_is_known_by_its_mark_or_its_zeros() {
        let text = "Some text, café 東京";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[b"\xff\xfe", &le[..]].concat(), [b"\xfe\xff", &be[..]].concat(), le.clone(), be] {
            assert_eq!(read(&bytes).unwrap().0, text);
        }
        let (found, said) = read(&[b"\xff\xfe", &le[..8], b"\x00\xd8", &le[8..]].concat()).unwrap();
        assert_eq!(found, "Some\u{fffd} text, café 東京");
        assert!(said.contains("1 ") && said.contains("byte 10"), "{said}");
    }

    #[test]
    fn utf_8_stays_also_where_it_is_damaged() {
        for bytes in [&b"plain"[..], "café".as_bytes(), b"\xef\xbb\xbfcaf\xc3\xa9", b"caf\xc3\xa9 cr\xc3\xa8me \xff"] {
            assert_eq!(read(bytes), None);
        }
    }

    proptest! {
        #[test]
        fn pieces_that_end_anywhere_are_counted_as_a_whole_is(bytes: Vec<u8>, at in 0usize..64) {
            let (mut whole, mut pieces) = (Replaced::default(), Replaced::default());
            whole.decode(&bytes);
            let at = at.min(bytes.len());
            for piece in [&bytes[..at], &bytes[at..]].into_iter().filter(|piece| !piece.is_empty()).chain([&[][..]]) {
                pieces.look_at(piece);
            }
            prop_assert_eq!(whole.warning("a"), pieces.warning("a"));
        }

        #[test]
        fn utf_8_is_never_taken_for_something_else(text in "[^\0\x1b]*") {
            prop_assert_eq!(read(text.as_bytes()), None);
        }

        #[test]
        fn any_bytes_become_text_or_stay_what_they_are(bytes: Vec<u8>) {
            let is_read = read(&bytes).is_some();
            prop_assert!(is_read || bytes.len() < 4 || std::str::from_utf8(&bytes).is_ok() || bytes.iter().any(|byte| *byte > 0xc1));
        }
    }
}
