//! WARC (ISO 28500), the format of web crawls: what was answered to each request, under its address. Text that a
//! crawl has extracted (`conversion`) and files stored without an answer (`resource`) are read as well.

use super::archive::Member;
use bytes::Bytes;

/// What a file of this format begins with.
pub(super) const MAGIC: &[u8] = b"WARC/1.";

/// The records of a file, one after the other.
pub(super) struct Records {
    bytes: Bytes,
    at: usize,
    /// Answers that are no success, such as redirections: what is in them is no page.
    pub n_refused: usize,
}

impl Records {
    pub fn new(bytes: &Bytes) -> Self {
        Self { bytes: bytes.clone(), at: 0, n_refused: 0 }
    }

    /// The next record that holds something to read.
    ///
    /// # Errors
    /// What is wrong, and at which byte: there is no telling where the next record begins.
    pub fn next_member(&mut self) -> Result<Option<Member>, String> {
        loop {
            self.at += self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if self.at == self.bytes.len() {
                return Ok(None);
            }
            let at = self.at;
            let wrong = |what: &str| format!("{what} at byte {at}");
            let rest = self.bytes.slice(at..);
            let (head, content) = rest
                .starts_with(MAGIC)
                .then(|| split_head(&rest))
                .flatten()
                .ok_or_else(|| wrong("a record was expected"))?;
            let field = |name: &str| field(&head, name);
            let length: usize = field("content-length")
                .and_then(|length| length.parse().ok())
                .ok_or_else(|| wrong("a record without a length"))?;
            if length > content.len() {
                return Err(wrong(&format!("a record of {length} bytes, of which {} are there,", content.len())));
            }
            self.at = self.bytes.len() - content.len() + length;
            let content = content.slice(..length);
            let kind = field("warc-type").unwrap_or_default();
            let is_http = field("content-type").is_some_and(|of| of.starts_with("application/http"));
            let bytes = match kind.as_str() {
                "response" if is_http => {
                    let Some(body) = answer(&content) else {
                        self.n_refused += 1;
                        continue;
                    };
                    body
                }
                "response" | "resource" | "conversion" => content,
                _ => continue,
            };
            let url = field("warc-target-uri").map(|uri| uri.trim_matches(['<', '>']).to_owned());
            let name = url.clone().or_else(|| field("warc-record-id")).unwrap_or_else(|| format!("byte {at}"));
            return Ok(Some(Member { name, bytes, url, date: field("warc-date") }));
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
        let mut records = Records::new(&Bytes::copy_from_slice(text.as_bytes()));
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
