//! PDF (ISO 32000): the text layer, page after page, by the `pdf-extract` crate. Lines are as they are set; what is
//! one paragraph, the passages' rule for wrapped lines finds. A page that is only a picture has no text.

use super::{Extracted, Metadata};
use crate::Warning;
use bytes::Bytes;
use pdf_extract::{Dictionary, Document, Object, PlainTextOutput};

/// The name of the thread that a file is read in. The crate trusts what it reads: where that is wrong it panics,
/// which ends the thread, and what is nested deep takes much of its stack.
pub const THREAD: &str = "pdf";
const STACK: usize = 64 << 20;

/// The text of a file.
///
/// # Errors
/// Why there is none.
pub(super) fn extract(name: &str, bytes: &Bytes) -> Result<Extracted, String> {
    let (name, bytes) = (name.to_owned(), bytes.clone());
    let reader = std::thread::Builder::new().name(THREAD.into()).stack_size(STACK);
    let thread = reader.spawn(move || read(&name, &bytes)).map_err(|e| e.to_string())?;
    thread.join().unwrap_or_else(|_| Err("its structure is too damaged to be followed".into()))
}

fn read(name: &str, bytes: &[u8]) -> Result<Extracted, String> {
    let mut pdf = Document::load_mem(bytes).map_err(|e| e.to_string())?;
    if pdf.is_encrypted() {
        pdf.decrypt("").map_err(|_| "it is encrypted, and opens only with a password".to_owned())?;
    }
    let (mut pages, mut damaged) = (Vec::new(), Vec::new());
    for number in pdf.get_pages().into_keys() {
        let mut text = String::new();
        let read = pdf_extract::output_doc_page(&pdf, &mut PlainTextOutput::new(&mut text), number);
        if let Err(error) = read {
            damaged.push((number, error.to_string()));
        }
        pages.push(text.trim().to_owned());
    }
    let warning = damaged.first().map(|(number, error)| {
        let n = damaged.len();
        let problem = format!(
            "{n} of its {} pages could not be read to their end, the first is page {number} ({error})",
            pages.len()
        );
        Warning::Damaged { document: name.into(), problem }
    });
    Ok(Extracted { texts: vec![(pages.join("\n\n"), metadata(&pdf))], warnings: warning.into_iter().collect() })
}

fn metadata(pdf: &Document) -> Metadata {
    let info = pdf.trailer.get(b"Info").and_then(|info| pdf.dereference(info)).and_then(|(_, info)| info.as_dict());
    let info: Option<&Dictionary> = info.ok();
    let field = |name: &[u8]| text(pdf, info?.get(name).ok()?);
    Metadata {
        title: field(b"Title"),
        author: field(b"Author"),
        // "D:20240131…": the day, as others write it.
        date: field(b"CreationDate").and_then(|date| {
            let day = date.strip_prefix("D:").unwrap_or(&date).get(..8)?.to_owned();
            day.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]))
        }),
        ..Metadata::default()
    }
}

/// A text string; none if it is empty.
fn text(pdf: &Document, object: &Object) -> Option<String> {
    let (_, object) = pdf.dereference(object).ok()?;
    let text = pdf_extract::decode_text_string(object).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
