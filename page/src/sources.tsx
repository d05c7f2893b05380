// A row per source, opening to a row per document: passages, themes, what of it is recycled, and
// with whom it shares most.

import { useMemo, useState } from "preact/hooks";
import { date, number, share, short, webAddress } from "./format.ts";
import { Choice, Pager, SourceLink, useShared, usePages } from "./parts.tsx";
import { documentName, type Report } from "./report.ts";
import { fold, terms } from "./search.ts";
import type { View } from "./view.ts";

const PAGE = 40;
const DOCUMENTS_PAGE = 25;

/** Of each source or document. */
interface Tally {
  passages: Int32Array;
  themes: Int32Array;
  inGroups: Int32Array;
}

/** Passages, different themes and passages in duplicate groups, by `of`. */
function tally(report: Report, of: (passage: number) => number, n: number): Tally {
  const passages = new Int32Array(n);
  const inGroups = new Int32Array(n);
  const themes = Array.from({ length: n }, () => new Set<number>());
  for (let i = 0; i < report.n; i++) {
    const to = of(i);
    passages[to]++;
    if (report.groupOf[i] >= 0) inGroups[to]++;
    if (report.themeOf[i] >= 0) themes[to].add(report.themeOf[i]);
  }
  return { passages, inGroups, themes: Int32Array.from(themes, (set) => set.size) };
}

/** A source's passages in duplicate groups, as the report has counted them. */
const nRecycled = (report: Report, own: Tally, source: number): number =>
  report.sources[source].in_duplicate_groups ?? own.inGroups[source];

/** By source: the other with which it shares most passages, and how many. */
function partners(report: Report): Map<number, { source: number; n: number }> {
  const most = new Map<number, { source: number; n: number }>();
  for (const [a, b, n] of report.json.shared ?? []) {
    if (a === b) continue;
    if (n > (most.get(a)?.n ?? 0)) most.set(a, { source: b, n });
    if (n > (most.get(b)?.n ?? 0)) most.set(b, { source: a, n });
  }
  return most;
}

const ORDERS = [
  ["order", "as read"],
  ["name", "name"],
  ["documents", "documents"],
  ["passages", "passages"],
  ["themes", "themes"],
  ["recycled", "share recycled"],
] as const;

export function Sources() {
  const { report, view, selection, change } = useShared();
  const [wanted, setWanted] = useState("");
  const own = useMemo(() => tally(report, (i) => report.sourceOf[i], report.sources.length), [report]);
  const most = useMemo(() => partners(report), [report]);
  const rows = useMemo(() => {
    const asked = terms(wanted);
    const left = report.sources
      .map((_, i) => i)
      .filter((i) => (own.passages[i] === 0 || selection.bySource[i] > 0) && asked.every((term) => fold(report.sources[i].source).includes(term)));
    const recycled = (i: number) => nRecycled(report, own, i) / Math.max(1, report.sources[i].passages);
    const by: Record<View["sources"], (a: number, b: number) => number> = {
      order: (a, b) => a - b,
      name: (a, b) => report.sources[a].name.localeCompare(report.sources[b].name, "en"),
      documents: (a, b) => report.sources[b].documents.length - report.sources[a].documents.length,
      passages: (a, b) => report.sources[b].passages - report.sources[a].passages,
      themes: (a, b) => own.themes[b] - own.themes[a],
      recycled: (a, b) => recycled(b) - recycled(a),
    };
    return left.sort((a, b) => by[view.sources](a, b) || a - b);
  }, [report, selection, view.sources, wanted, own]);
  const pages = usePages(rows, PAGE, `${wanted} ${view.sources} ${selection.nShown}`);
  const hasSeveral = report.sources.length > 8;

  return (
    <section id="sources" aria-labelledby="sources-title">
      <h2 id="sources-title" tabIndex={-1} data-focus>
        Sources <span class="heading-figure">{number(report.sources.length)}</span>
      </h2>
      {report.folder && (
        <p class="help">
          In <bdi class="name">{report.folder}</bdi>
        </p>
      )}
      <div class="controls">
        {hasSeveral && (
          <input
            type="search"
            class="filter"
            placeholder="Filter by name"
            aria-label="Filter sources by name"
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
        )}
        <Choice label="Sorted by" value={view.sources} options={ORDERS} onChange={(sources) => change({ sources }, "replace")} />
      </div>
      <p class="help" role="status" id="sources-left" data-sources={rows.length}>
        {rows.length < report.sources.length && `${number(rows.length)} of ${number(report.sources.length)} sources`}
      </p>
      <table class="sources">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col" class="n">Documents</th>
            <th scope="col" class="n">Passages</th>
            {report.themes && <th scope="col" class="n">Themes</th>}
            {report.themes && <th scope="col" class="n">In no theme</th>}
            {report.groups && <th scope="col" class="n">Recycled</th>}
            {report.groups && report.sources.length > 1 && <th scope="col">Shares most with</th>}
          </tr>
        </thead>
        {pages.items.map((source) => (
          <SourceRows key={source} source={source} own={own} partner={most.get(source)} />
        ))}
      </table>
      <Pager pages={pages} of="sources" />
    </section>
  );
}

interface SourceRowsProps {
  source: number;
  own: Tally;
  partner: { source: number; n: number } | undefined;
}

function SourceRows({ source, own, partner }: SourceRowsProps) {
  const { report, view, selection } = useShared();
  const [isOpen, setOpen] = useState(false);
  const { documents, outliers, name, passages } = report.sources[source];
  const inPage = own.passages[source];
  const left = selection.bySource[source];
  const recycled = nRecycled(report, own, source);
  const columns = 3 + (report.themes ? 2 : 0) + (report.groups ? 1 + Number(report.sources.length > 1) : 0);
  return (
    <tbody data-chosen={view.source === source || view.with === source || undefined}>
      <tr data-source={source}>
        <th scope="row">
          <span class="source-cell">
            <button
              type="button"
              class="turn-button"
              aria-expanded={isOpen}
              aria-label={`Documents of ${name}`}
              onClick={() => setOpen(!isOpen)}
            >
              <span class="turn" aria-hidden="true" />
            </button>
            <SourceLink source={source} />
          </span>
        </th>
        <td class="n" data-label="Documents">{number(documents.length)}</td>
        <td class="n" data-label="Passages">{left < inPage ? `${number(left)} of ${number(inPage)}` : number(passages)}</td>
        {report.themes && <td class="n" data-label="Themes">{number(own.themes[source])}</td>}
        {report.themes && <td class="n" data-label="In no theme">{outliers === undefined ? "–" : number(outliers)}</td>}
        {report.groups && <td class="n" data-label="Recycled">{share(recycled, passages)}</td>}
        {report.groups && report.sources.length > 1 && (
          <td data-label="Shares most with">
            {partner ? (
              <>
                <SourceLink source={partner.source} /> <span class="n">{number(partner.n)}</span>
              </>
            ) : (
              "–"
            )}
          </td>
        )}
      </tr>
      {isOpen && (
        <tr class="of-source">
          <td colSpan={columns}>
            <Documents source={source} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

const tallies = new WeakMap<Report, Tally>();

function tallyOfDocuments(report: Report): Tally {
  let found = tallies.get(report);
  if (!found) tallies.set(report, (found = tally(report, (i) => report.documentOf[i], report.documents.length)));
  return found;
}

function Documents({ source }: { source: number }) {
  const { report, change } = useShared();
  const { firstDocument, lastDocument } = report.sources[source];
  const all = useMemo(
    () => Array.from({ length: lastDocument - firstDocument }, (_, i) => firstDocument + i),
    [firstDocument, lastDocument],
  );
  const pages = usePages(all, DOCUMENTS_PAGE, "");
  const own = tallyOfDocuments(report);
  return (
    <>
      <ul class="documents">
        {pages.items.map((i) => {
          const { title, url, date: day, author, first } = report.documents[i];
          const address = webAddress(url);
          const nPassages = own.passages[i];
          return (
            <li key={i}>
              <p>
                {title && (
                  <bdi class="title" dir="auto">
                    {short(title, 200)}
                  </bdi>
                )}{" "}
                {nPassages > 0 ? (
                  <button type="button" class="link" onClick={() => change({ passage: first })}>
                    <bdi>{short(documentName(report, i))}</bdi>
                  </button>
                ) : (
                  <bdi>{short(documentName(report, i))}</bdi>
                )}
              </p>
              <p class="facts">
                {[
                  author && <bdi>{author}</bdi>,
                  day && <time>{date(day)}</time>,
                  address && (
                    <a href={address} rel="noopener noreferrer" target="_blank">
                      <bdi>{short(address)}</bdi>
                    </a>
                  ),
                  `${number(nPassages)} ${nPassages === 1 ? "passage" : "passages"}`,
                  report.themes && `${number(own.themes[i])} ${own.themes[i] === 1 ? "theme" : "themes"}`,
                  report.groups && nPassages > 0 && `${share(own.inGroups[i], nPassages)} recycled`,
                ]
                  .filter(Boolean)
                  .map((fact, at) => (
                    <>
                      {at > 0 && " · "}
                      {fact}
                    </>
                  ))}
              </p>
            </li>
          );
        })}
      </ul>
      <Pager pages={pages} of="documents" />
    </>
  );
}
