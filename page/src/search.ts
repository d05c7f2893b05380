// Search over the texts: every word of what is asked must stand in a passage, in any case and with
// or without accents; “words in quotes” must stand together. Folding keeps lengths, so that a place
// in the folded text is the same place in the text.

import type { Report } from "./report.ts";

const foldedCharacters = new Map<string, string>();

function foldCharacter(character: string): string {
  const known = foldedCharacters.get(character);
  if (known !== undefined) return known;
  let folded = character.normalize("NFD")[0].toLowerCase();
  if (folded.length !== 1) folded = character;
  if ("‘’‚‛′".includes(character)) folded = "'";
  else if ("“”„‟″«»".includes(character)) folded = '"';
  else if ("‐‑‒–—−".includes(character)) folded = "-";
  else if (/\s/.test(character)) folded = " ";
  foldedCharacters.set(character, folded);
  return folded;
}

/** The text without case, accents and kinds of quotes and dashes, as long as it was. */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  const base = lower.length === text.length ? lower : text;
  return base.replace(/[^\x20-\x7e]/g, foldCharacter);
}

/** What is asked, as words and phrases that must all occur. */
export function terms(query: string): string[] {
  const found = fold(query).matchAll(/"([^"]+)"?|([^\s"]+)/g);
  return [...found].map(([, phrase, word]) => (phrase ?? word).trim().replace(/ +/g, " ")).filter(Boolean);
}

const foldedTexts = new WeakMap<Report, (string | null)[]>();

function textsOf(report: Report): (string | null)[] {
  let texts = foldedTexts.get(report);
  if (!texts) {
    texts = report.json.passages.text.map((text) => (text === null ? null : fold(text)));
    foldedTexts.set(report, texts);
  }
  return texts;
}

/** 1 for each passage in whose text all terms occur; null if nothing is asked. */
export function find(report: Report, query: string): Uint8Array | null {
  const asked = terms(query);
  if (asked.length === 0) return null;
  return Uint8Array.from(textsOf(report), (text) => (text !== null && asked.every((term) => text.includes(term)) ? 1 : 0));
}

/** Where in the text the terms occur: spans that do not overlap, in order. */
export function occurrences(text: string, asked: string[]): [number, number][] {
  const folded = fold(text);
  const spans: [number, number][] = [];
  for (const term of asked) {
    for (let at = folded.indexOf(term); at >= 0 && spans.length < 1000; at = folded.indexOf(term, at + term.length)) {
      spans.push([at, at + term.length]);
    }
  }
  spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const apart: [number, number][] = [];
  for (const [start, end] of spans) {
    const last = apart.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else apart.push([start, end]);
  }
  return apart;
}
