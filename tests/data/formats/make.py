#!/usr/bin/env python3
"""Makes the samples of every format that is read, of one text, with the programs that people make such files with.

    python3 -m venv A && A/bin/pip install python-docx odfpy ebooklib feedgen pyarrow zstandard warcio reportlab
    A/bin/python tests/data/formats/make.py

The text is this project's own, under its licence. The files are made once and kept; tests/formats.rs reads them.
"""

import csv
import datetime
import email.policy
import gzip
import io
import json
import mailbox
import os
import tarfile
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from ebooklib import epub
from feedgen.feed import FeedGenerator
from odf import text as odf_text
from odf.opendocument import OpenDocumentText
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

HERE = Path(__file__).parent
TITLE = "The lighthouse of the northern bay"
FIRST = "The lighthouse keeper climbs the stairs at dusk & lights the lamp, as his father did before him."
SECOND = "Since last winter the lamp is electric; nobody has to climb, but he does it all the same – out of habit."
DATE = datetime.datetime(2024, 3, 1, 9, 30, tzinfo=datetime.timezone.utc)
ROWS = [{"text": FIRST, "date": "2024-03-01"}, {"text": SECOND, "date": "2024-03-02"}]


def write(name: str, content: bytes | str) -> None:
    (HERE / name).write_bytes(content.encode() if isinstance(content, str) else content)


def table() -> None:
    for name, delimiter in [("table.csv", ","), ("table.tsv", "\t")]:
        rows = io.StringIO()
        writer = csv.DictWriter(rows, ["text", "date"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
        write(name, rows.getvalue())
    write("rows.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))
    write("object.json", json.dumps({"title": TITLE, "content": f"<p>{FIRST.replace('&', '&amp;')}</p><p>{SECOND}</p>"}))
    pq.write_table(pa.Table.from_pylist(ROWS), HERE / "table.parquet", compression="zstd")


def markdown() -> str:
    first = FIRST.replace("lighthouse", "[lighthouse](https://lighthouse.example/)").replace("&", "&amp;")
    second = SECOND.replace("electric", "**electric**").replace("does it", "_does_ it")
    return f"---\ntitle: {TITLE}\n---\n\n# Short head\n\n{first}\n\n> {second}\n"


def pdf() -> None:
    """In a folder of its own: refrain reads it with a feature that is off by default."""
    folder = HERE.parent / "pdf"
    folder.mkdir(exist_ok=True)
    document = SimpleDocTemplate(str(folder / "document.pdf"), title=TITLE, author="A. Keeper", invariant=True)
    style = getSampleStyleSheet()["Normal"]
    document.build([part for text in (FIRST, SECOND) for part in (Paragraph(text.replace("&", "&amp;"), style), PageBreak())])


def office() -> None:
    document = docx.Document()
    document.core_properties.title = TITLE
    document.core_properties.created = DATE.replace(tzinfo=None)
    document.add_paragraph(FIRST)
    document.add_table(1, 1).cell(0, 0).text = SECOND
    document.save(HERE / "document.docx")
    odt = OpenDocumentText()
    for paragraph in (FIRST, SECOND):
        odt.text.addElement(odf_text.P(text=paragraph))
    odt.save(HERE / "document.odt")
    book = epub.EpubBook()
    book.set_title(TITLE)
    book.set_language("en")
    pages = []
    for i, paragraph in enumerate((FIRST, SECOND)):
        page = epub.EpubHtml(title=f"Page {i}", file_name=f"page {i}.xhtml", lang="en")
        page.content = f"<p>{paragraph.replace('&', '&amp;')}</p>"
        book.add_item(page)
        pages.append(page)
    book.add_item(epub.EpubNcx())
    book.spine = pages
    epub.write_epub(str(HERE / "book.epub"), book)


def feeds() -> None:
    feed = FeedGenerator()
    feed.id("https://lighthouse.example/")
    feed.title("Lighthouses")
    feed.link(href="https://lighthouse.example/")
    feed.description("News of lighthouses")
    feed.language("en")
    for i, paragraph in enumerate((FIRST, SECOND)):
        entry = feed.add_entry(order="append")
        entry.id(f"https://lighthouse.example/{i}")
        entry.link(href=f"https://lighthouse.example/{i}")
        entry.title("News")
        entry.content(f"<p>{paragraph.replace('&', '&amp;')}</p>", type="html")
        entry.updated(DATE)
        entry.published(DATE)
    write("feed.rss", feed.rss_str(pretty=True))
    write("feed.atom", feed.atom_str(pretty=True))


def mail() -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Keeper <keeper@lighthouse.example>"
    message["To"] = "all@lighthouse.example"
    message["Subject"] = "News"
    message["Date"] = DATE
    message["Message-ID"] = "<1@lighthouse.example>"
    message.set_content(FIRST)
    message.add_attachment(SECOND, filename="second.txt")
    write("message.eml", message.as_bytes())
    path = HERE / "mailbox.mbox"
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    for i, paragraph in enumerate((FIRST, SECOND)):
        message = EmailMessage()
        message["From"] = "keeper@lighthouse.example"
        message["Subject"] = "News"
        message["Message-ID"] = f"<{i}@lighthouse.example>"
        message.set_content(f"<html><body><p>{paragraph.replace('&', '&amp;')}</p></body></html>", subtype="html")
        box.add(message)
    box.close()


def crawl() -> None:
    with (HERE / "crawl.warc.gz").open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for i, paragraph in enumerate((FIRST, SECOND)):
            page = f"<html><body><p>{paragraph.replace('&', '&amp;')}</p></body></html>"
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            url = f"https://lighthouse{i}.example/page"
            writer.write_record(
                writer.create_warc_record(url, "response", io.BytesIO(page.encode()), http_headers=headers)
            )


def texts() -> None:
    text = f"{FIRST}\n\n{SECOND}\n"
    write("plain.txt", text)
    write("utf-16.txt", text.encode("utf-16"))
    write("windows-1252.txt", text.encode("windows-1252"))
    write("markdown.md", markdown())
    write("page.html", f"<!doctype html><html lang=en><head><title>{TITLE}</title></head><body><p>{FIRST.replace('&', '&amp;')}</p>"
          f"<p>{SECOND}</p></body></html>")
    write("plain.txt.gz", gzip.compress(text.encode(), mtime=0))
    write("rows.jsonl.zst", zstandard.compress((HERE / "rows.jsonl").read_bytes()))
    with zipfile.ZipFile(HERE / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one/first.txt", FIRST)
        archive.writestr("two/second.html", f"<p>{SECOND}</p>")
    with tarfile.open(HERE / "archive.tar.gz", "w:gz") as archive:
        for name, content in [("one/first.txt", FIRST), ("two/archive.zip", (HERE / "archive.zip").read_bytes())]:
            content = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    table()
    office()
    feeds()
    mail()
    crawl()
    texts()
    pdf()
