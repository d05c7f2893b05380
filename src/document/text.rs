//! Plain text: the text is the content. Line ends become `\n`, so that spans and line widths mean
//! the same on every system.

use super::{Extracted, Metadata};

pub(crate) fn extract(decoded: &str) -> Extracted {
    let text =
        if decoded.contains('\r') { decoded.replace("\r\n", "\n").replace('\r', "\n") } else { decoded.to_owned() };
    Extracted { texts: vec![(text, Metadata::default())], warnings: vec![] }
}
