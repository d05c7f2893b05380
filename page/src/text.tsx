// Text of the corpus as the page shows it: as text and nothing else, in its own direction, clipped
// where it is long, with what was searched for or what differs marked.

import { useState } from "preact/hooks";
import type { Run } from "./difference.ts";
import { clipped, number } from "./format.ts";
import { idOf, textOf, type Report } from "./report.ts";
import { occurrences, terms } from "./search.ts";

interface Piece {
  text: string;
  mark: "found" | "only" | null;
}

/** The pieces up to a length in all. */
function upTo(pieces: Piece[], most: number): Piece[] {
  const out: Piece[] = [];
  for (const piece of pieces) {
    if (most <= 0) break;
    const text = clipped(piece.text, most);
    out.push({ ...piece, text });
    most -= text.length;
  }
  return out;
}

function found(text: string, query: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const [start, end] of occurrences(text, terms(query))) {
    pieces.push({ text: text.slice(at, start), mark: null }, { text: text.slice(start, end), mark: "found" });
    at = end;
  }
  pieces.push({ text: text.slice(at), mark: null });
  return pieces.filter(({ text: piece }) => piece !== "");
}

const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i;

/** The language of a passage's document, as far as it is known and is the name of one. */
export function languageOf(report: Report, passage: number): string | undefined {
  const language = report.documents[report.documentOf[passage]].language;
  return language && LANGUAGE.test(language) ? language : undefined;
}

function Clipped({ pieces, most, lang }: { pieces: Piece[]; most: number; lang: string | undefined }) {
  const [isWhole, setWhole] = useState(false);
  const length = pieces.reduce((sum, { text }) => sum + text.length, 0);
  // A little more than the limit is shown rather than hidden behind a button.
  const isCut = !isWhole && length > most * 1.2;
  return (
    <p class="text" dir="auto" lang={lang}>
      {(isCut ? upTo(pieces, most) : pieces).map(({ text, mark }) =>
        mark === null ? text : <mark class={mark}>{text}</mark>,
      )}
      {isCut && (
        <>
          …{" "}
          <button type="button" class="link" dir="ltr" lang="en" onClick={() => setWhole(true)}>
            Show all {number(length)} characters
          </button>
        </>
      )}
    </p>
  );
}

interface PassageTextProps {
  report: Report;
  passage: number;
  search?: string;
  /** Characters before it is clipped. */
  most?: number;
}

export function PassageText({ report, passage, search = "", most = 700 }: PassageTextProps) {
  const text = textOf(report, passage);
  if (text === null) return <p class="absent">The text of passage {number(idOf(report, passage))} is left out of this page.</p>;
  return <Clipped key={passage} pieces={found(text, search)} most={most} lang={languageOf(report, passage)} />;
}

/** A text of two that are compared: what the other lacks is marked. */
export function ComparedText({ runs, lang }: { runs: Run[]; lang: string | undefined }) {
  const pieces = runs.flatMap(({ text, isOnlyHere }, i): Piece[] => [
    ...(i > 0 ? [{ text: " ", mark: null }] : []),
    { text, mark: isOnlyHere ? "only" : null },
  ]);
  return <Clipped pieces={pieces} most={2000} lang={lang} />;
}

/** A passage's beginning in one line, between quotes. */
export function Quote({ report, passage, most = 220 }: { report: Report; passage: number; most?: number }) {
  const text = textOf(report, passage);
  if (text === null) return <span class="absent">text left out of this page</span>;
  const line = clipped(text, most * 4).replace(/\s+/g, " ").trim();
  const isCut = line.length > most || text.length > most * 4;
  return (
    <bdi class="quote" lang={languageOf(report, passage)}>
      “{clipped(line, most).trimEnd()}
      {isCut ? "…" : ""}”
    </bdi>
  );
}
