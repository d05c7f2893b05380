//! E-mail: a message (RFC 5322, MIME) or a mailbox of them (mbox). The text is the subject and the body; what
//! is attached is read as a file of its own.

use super::{Metadata, html};
use bytes::Bytes;
use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use std::collections::BTreeSet;

/// Header fields that a message begins with, two of which make it one.
const FIELDS: [&str; 14] = [
    "return-path",
    "received",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "delivered-to",
    "x-received",
    "reply-to",
    "content-type",
    "dkim-signature",
    "sender",
];

/// Whether text begins as a message or a mailbox does.
pub(crate) fn looks_like_mail(head: &str) -> bool {
    is_mailbox(head.as_bytes()) || n_fields(head) >= 2
}

/// Whether it begins with the line that stands before each message of a mailbox, and a message's fields.
fn is_mailbox(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let line = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    bytes.starts_with(b"From ") && n_fields(String::from_utf8_lossy(&head[line..]).trim_start()) >= 2
}

/// How many different fields of a message text begins with.
fn n_fields(head: &str) -> usize {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for line in head.lines().filter(|line| !line.starts_with([' ', '\t'])) {
        let Some((name, _)) = line.split_once(':') else { break };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            break;
        }
        found.extend(FIELDS.iter().find(|field| field.eq_ignore_ascii_case(name)));
    }
    found.len()
}

/// A message: its text, and the names and bytes of what is attached.
pub(crate) struct Mail {
    pub text: String,
    pub metadata: Metadata,
    pub attached: Vec<(String, Bytes)>,
}

/// The messages of a mailbox, or the one that the bytes are; none where they are no message.
pub(crate) fn extract(bytes: &[u8]) -> Vec<Option<Mail>> {
    if !is_mailbox(bytes) {
        return vec![message(bytes)];
    }
    // Reading from memory does not fail.
    MessageIterator::new(bytes).flatten().map(|found| message(found.contents())).collect()
}

fn message(bytes: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    let bodies = message.text_body.iter().filter_map(|&id| match &message.part(id)?.body {
        PartType::Text(text) => Some(text.replace("\r\n", "\n").trim().to_owned()),
        PartType::Html(page) => Some(html::fragment_text(page)),
        _ => None,
    });
    let subject = message.subject().map(|subject| subject.trim().to_owned()).filter(|subject| !subject.is_empty());
    let parts: Vec<String> = subject.iter().cloned().chain(bodies).filter(|part| !part.is_empty()).collect();
    let metadata = Metadata {
        id: message.message_id().map(str::to_owned),
        title: subject,
        url: None,
        date: message.date().map(mail_parser::DateTime::to_rfc3339),
        author: message.from().and_then(Address::first).and_then(|from| {
            let shown = from.name.as_ref().or(from.address.as_ref())?;
            Some(shown.to_string())
        }),
        language: None,
    };
    Some(Mail { text: parts.join("\n\n"), metadata, attached: attached(&message) })
}

fn attached(message: &Message) -> Vec<(String, Bytes)> {
    let named = |(i, part): (usize, &mail_parser::MessagePart)| {
        let extension = if matches!(part.body, PartType::Message(_)) { ".eml" } else { "" };
        let name = part.attachment_name().map_or_else(|| format!("attached-{}{extension}", i + 1), str::to_owned);
        let bytes = match &part.body {
            // As it was written: it is parsed again as a file of its own.
            PartType::Message(inner) => inner.raw_message.get(..)?,
            _ => part.contents(),
        };
        Some((name, Bytes::copy_from_slice(bytes)))
    };
    message.attachments().enumerate().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "From: Kim <kim@a.example>\r\nTo: b@a.example\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\
        Date: Mon, 1 Jan 2024 10:00:00 +0900\r\nMessage-ID: <1@a.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nThe first =E9t=E9.\r\n\r\nThe second.\r\n--x\r\n\
        Content-Type: text/csv; name=t.csv\r\nContent-Disposition: attachment; filename=t.csv\r\n\r\ntext\r\nrow\r\n--x--\r\n";

    #[test]
    fn a_message_is_its_subject_and_body_and_what_is_attached() {
        assert!(
            looks_like_mail(MESSAGE) && !looks_like_mail("From: here\n\nTo: there") && !looks_like_mail("From here on")
        );
        let found = extract(MESSAGE.as_bytes());
        let [Some(mail)] = &found[..] else { panic!("{}", found.len()) };
        assert_eq!(mail.text, "Café\n\nThe first été.\n\nThe second.");
        let expected = Metadata {
            id: Some("1@a.example".into()),
            title: Some("Café".into()),
            date: Some("2024-01-01T10:00:00+09:00".into()),
            author: Some("Kim".into()),
            ..Metadata::default()
        };
        assert_eq!(mail.metadata, expected);
        assert_eq!(mail.attached.len(), 1);
        assert_eq!((mail.attached[0].0.as_str(), mail.attached[0].1.trim_ascii()), ("t.csv", &b"text\r\nrow"[..]));
    }

    #[test]
    fn a_mailbox_holds_several() {
        let html = MESSAGE
            .replace("text/plain; charset=iso-8859-1", "text/html; charset=iso-8859-1")
            .replace("The first", "<p>The <b>first</b>");
        let mailbox =
            format!("From kim Mon Jan  1 10:00:00 2024\r\n{MESSAGE}\r\nFrom kim Mon Jan  1 10:00:00 2024\r\n{html}");
        assert!(looks_like_mail(&mailbox));
        let found: Vec<String> = extract(mailbox.as_bytes()).into_iter().map(|mail| mail.unwrap().text).collect();
        assert_eq!(found, ["Café\n\nThe first été.\n\nThe second.", "Café\n\nThe first été. The second."]);
    }
}
