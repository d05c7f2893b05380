//! `html-peers EXTRACTOR IN OUT`: the text of every `IN/NAME/source.html` as `OUT/NAME.txt`; prints the seconds
//! that extraction took.

use std::path::PathBuf;
use std::time::Instant;

const UNSEEN: &str = "script,style,noscript,template,head,svg,math,iframe,object,select";

fn text(extractor: &str, page: &str) -> Option<String> {
    match extractor {
        "dom_smoothie" => {
            let config = dom_smoothie::Config { text_mode: dom_smoothie::TextMode::Formatted, ..Default::default() };
            let article = dom_smoothie::Readability::new(page, None, Some(config)).ok()?.parse().ok()?;
            Some(article.text_content.to_string())
        }
        "rs-trafilatura" => Some(rs_trafilatura::extract(page).ok()?.content_text),
        "all" => {
            let page = dom_query::Document::from(page);
            page.select(UNSEEN).remove();
            Some(page.formatted_text().to_string())
        }
        other => panic!("no extractor {other}"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [extractor, from, to] = &arguments[..] else { panic!("html-peers EXTRACTOR IN OUT") };
    let to = PathBuf::from(to);
    std::fs::create_dir_all(&to).expect("OUT");
    let mut seconds = 0.0;
    for folder in std::fs::read_dir(from).expect("IN") {
        let folder = folder.expect("IN").path();
        let Ok(page) = std::fs::read_to_string(folder.join("source.html")) else { continue };
        let began = Instant::now();
        let text = text(extractor, &page).unwrap_or_default();
        seconds += began.elapsed().as_secs_f64();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        std::fs::write(to.join(name + ".txt"), text).expect("OUT");
    }
    println!("{seconds:.3}");
}
