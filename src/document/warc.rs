//! WARC (ISO 28500), the format of web crawls: what was answered to each request, under its address. Text that a
//! crawl has extracted (`conversion`) and files stored without an answer (`resource`) are read as well.

use super::archive::Member;
use super::limits::Limits;
use bytes::Bytes;
use std::io::{self, BufRead, BufReader, Read};

/// What a file of this format begins with.
pub(super) const MAGIC: &[u8] = b"WARC/1.";

/// The lines that a record begins with are no longer than this together, in bytes.
const LONGEST_HEAD: u64 = 1 << 20;

/// The records of a file, one after the other.
pub(super) struct Records<'a, R> {
    from: BufReader<R>,
    limits: &'a Limits,
    /// Bytes read.
    at: u64,
    /// Answers that are no success, such as redirections: what is in them is no page.
    pub n_refused: usize,
    /// Records too large to be read: their names, and which limit they go beyond.
    pub too_large: Vec<(String, String)>,
}

impl<'a, R: Read> Records<'a, R> {
    pub fn new(from: R, limits: &'a Limits) -> Self {
        Self { from: BufReader::new(from), limits, at: 0, n_refused: 0, too_large: vec![] }
    }

    /// The next record that holds something to read.
    ///
    /// # Errors
    /// What is wrong, and at which byte: there is no telling where the next record begins.
    pub fn next_member(&mut self) -> Result<Option<Member>, String> {
        loop {
            if !self.skip_blank()? {
                return Ok(None);
            }
            let at = self.at;
            let wrong = |what: &str| format!("{what} at byte {at}");
            let head = self.head()?.ok_or_else(|| wrong("a record was expected"))?;
            let field = |name: &str| field(&head, name);
            let length: u64 = field("content-length")
                .and_then(|length| length.parse().ok())
                .ok_or_else(|| wrong("a record without a length"))?;
            let kind = field("warc-type").unwrap_or_default();
            let url = field("warc-target-uri").map(|uri| uri.trim_matches(['<', '>']).to_owned());
            let name = url.clone().or_else(|| field("warc-record-id")).unwrap_or_else(|| format!("byte {at}"));
            let is_read = matches!(kind.as_str(), "response" | "resource" | "conversion");
            if !is_read || length > self.limits.unpacked {
                let n = io::copy(&mut self.from.by_ref().take(length), &mut io::sink()).map_err(|e| e.to_string())?;
                self.at += n;
                if n < length {
                    return Err(wrong(&format!("a record of {length} bytes, of which {n} are there,")));
                }
                if is_read {
                    let most = self.limits.unpacked;
                    self.too_large
                        .push((name, format!("it has more than {most} bytes (--limit unpacked=N reads more)")));
                }
                continue;
            }
            let mut content = Vec::new();
            let n = self.from.by_ref().take(length).read_to_end(&mut content).map_err(|e| e.to_string())?;
            self.at += n as u64;
            if (n as u64) < length {
                return Err(wrong(&format!("a record of {length} bytes, of which {n} are there,")));
            }
            let content = Bytes::from(content);
            let is_http = field("content-type").is_some_and(|of| of.starts_with("application/http"));
            let bytes = if kind == "response" && is_http {
                let Some(body) = answer(&content) else {
                    self.n_refused += 1;
                    continue;
                };
                body
            } else {
                content
            };
            return Ok(Some(Member { name, bytes, url, date: field("warc-date") }));
        }
    }

    /// Goes to what is not white space; says whether there is anything.
    fn skip_blank(&mut self) -> Result<bool, String> {
        loop {
            let buffer = self.from.fill_buf().map_err(|e| e.to_string())?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let n_blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let is_at_record = n_blank < buffer.len();
            self.from.consume(n_blank);
            self.at += n_blank as u64;
            if is_at_record {
                return Ok(true);
            }
        }
    }

    /// The lines up to the first blank one, which is read too; none if a record does not begin here.
    fn head(&mut self) -> Result<Option<String>, String> {
        let mut head = Vec::new();
        let mut lines = self.from.by_ref().take(LONGEST_HEAD);
        loop {
            let before = head.len();
            lines.read_until(b'\n', &mut head).map_err(|e| e.to_string())?;
            let line = &head[before..];
            if !head.starts_with(MAGIC) || !line.ends_with(b"\n") {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                self.at += head.len() as u64;
                return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
            }
        }
    }
}

/// The lines up to the first blank one, and what follows it. Nothing beyond is looked at.
fn split_head(bytes: &Bytes) -> Option<(String, Bytes)> {
    let is_end = |end: &usize| bytes[end + 1..].starts_with(b"\n") || bytes[end + 1..].starts_with(b"\r\n");
    let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).find(is_end)?;
    let blank = if bytes[end + 1] == b'\n' { 1 } else { 2 };
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.slice(end + 1 + blank..)))
}

/// The value of a header field; its name is in lower case.
fn field(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The body of an HTTP answer; none if it is no success.
fn answer(http: &Bytes) -> Option<Bytes> {
    let (head, body) = split_head(http)?;
    let is_success = head.split_whitespace().nth(1)?.starts_with('2');
    let is_chunked = field(&head, "transfer-encoding").is_some_and(|of| of.to_ascii_lowercase().contains("chunked"));
    // Many crawlers store bodies joined and leave the field as it was.
    let joined = if is_chunked { unchunked(&body) } else { None };
    is_success.then(|| joined.unwrap_or(body))
}

/// A body that was sent in chunks (RFC 9112, 7.1); none if it is not.
fn unchunked(body: &[u8]) -> Option<Bytes> {
    let (mut rest, mut joined) = (body, Vec::new());
    loop {
        let line_end = rest.iter().position(|&byte| byte == b'\n')?;
        let size = std::str::from_utf8(&rest[..line_end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(joined.into());
        }
        rest = &rest[line_end + 1..];
        joined.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n").or_else(|| rest[size..].strip_prefix(b"\n"))?;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn record(kind: &str, content_type: &str, uri: &str, content: &str) -> String {
        format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: 2024-01-02T00:00:00Z\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{content}\r\n\r\n",
            content.len()
        )
    }

    fn read(text: &str) -> (Vec<(String, String)>, usize, Option<String>) {
        let limits = Limits::default();
        let mut records = Records::new(text.as_bytes(), &limits);
        let mut found = Vec::new();
        loop {
            match records.next_member() {
                Ok(Some(member)) => {
                    found.push((member.name, String::from_utf8(member.bytes.to_vec()).unwrap()));
                }
                Ok(None) => return (found, records.n_refused, None),
                Err(problem) => return (found, records.n_refused, Some(problem)),
            }
        }
    }

    #[test]
    fn answers_are_read_and_other_records_are_not() {
        let http = "application/http; msgtype=response";
        let text = [
            record("warcinfo", "application/warc-fields", "", "software: x"),
            record("request", "application/http; msgtype=request", "http://a.example/", "GET / HTTP/1.1\r\n\r\n"),
            record("response", http, "http://a.example/", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n<p>One"),
            record("response", http, "http://a.example/old", "HTTP/1.1 301 Moved\r\n\r\nMoved"),
            record(
                "response",
                http,
                "http://a.example/2",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nTwo\r\n5;x\r\n more\r\n0\r\n\r\n",
            ),
            record(
                "response",
                http,
                "http://a.example/3",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nThree as it is",
            ),
            record("conversion", "text/plain", "http://a.example/4", "Four\n\nlines"),
        ]
        .concat();
        let (found, n_refused, problem) = read(&text);
        let expected = [
            ("http://a.example/", "<p>One"),
            ("http://a.example/2", "Two more"),
            ("http://a.example/3", "Three as it is"),
            ("http://a.example/4", "Four\n\nlines"),
        ];
        assert_eq!(found, expected.map(|(uri, text)| (uri.to_owned(), text.to_owned())));
        assert_eq!((n_refused, problem), (1, None));
    }

    #[test]
    fn a_file_that_ends_early_has_what_comes_before() {
        let one = record("resource", "text/plain", "file:a", "One");
        for (text, problem) in [
            (format!("{one}{}", &one[..one.len() - 5]), "a record of 3 bytes, of which 2 are there, at byte"),
            (format!("{one}junk"), "a record was expected at byte"),
            (format!("{one}WARC/1.0\r\nWARC-Type: resource\r\n\r\n"), "a record without a length at byte"),
        ] {
            let (found, _, said) = read(&text);
            assert_eq!(found.len(), 1);
            assert!(said.as_ref().is_some_and(|said| said.starts_with(problem)), "{said:?}");
        }
    }
}
