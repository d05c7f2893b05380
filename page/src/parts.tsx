// What several views are made of: marks, links to what can be chosen, pages of long lists, orders.

import type { ComponentChildren } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { createContext } from "preact";
import { bytes, number, short } from "./format.ts";
import { mark, OUTLINES } from "./marks.ts";
import { documentName, type Report } from "./report.ts";
import type { Selection } from "./selection.ts";
import type { Change, View } from "./view.ts";

/** What every view has at hand. */
export interface Shared {
  report: Report;
  view: View;
  selection: Selection;
  change: Change;
  /** Scrolls to a section or group once it is there. */
  go: (id: string) => void;
}

export const SharedContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (!shared) throw new Error("a view stands outside of the page");
  return shared;
}

/** The mark of a theme or a source, as it is on the map. */
export function Swatch({ of }: { of: number }) {
  if (of < 0) {
    return (
      <svg class="swatch" viewBox="-1.5 -1.5 3 3" aria-hidden="true">
        <circle r="0.8" class="mark-none" />
      </svg>
    );
  }
  const { hue, shape } = mark(of);
  const outline = OUTLINES[shape];
  return (
    <svg class="swatch" viewBox="-1.5 -1.5 3 3" aria-hidden="true">
      {outline ? <polygon class={`mark-${hue}`} points={outline.join(" ")} /> : <circle class={`mark-${hue}`} r="1" />}
    </svg>
  );
}

/** The name of a source: short, with the whole of it for who points at it. */
export function SourceName({ source }: { source: number }) {
  const { report } = useShared();
  return (
    <bdi class="name" title={report.sources[source].source}>
      {short(report.sources[source].name)}
    </bdi>
  );
}

/** A button that chooses a source, or gives it up. */
export function SourceLink({ source }: { source: number }) {
  const { view, change } = useShared();
  const isChosen = view.source === source && view.with === null;
  return (
    <button
      type="button"
      class="link"
      aria-pressed={isChosen}
      onClick={() => change({ source: isChosen ? null : source, with: null })}
    >
      <SourceName source={source} />
    </button>
  );
}

export function themeName(report: Report, theme: number): string {
  return theme < 0 ? "no theme" : short(report.themeById.get(theme)?.label ?? `theme ${theme}`);
}

/** A button that chooses a theme, or gives it up. */
export function ThemeLink({ theme }: { theme: number }) {
  const { report, view, change } = useShared();
  const isChosen = view.theme === theme;
  return (
    <button
      type="button"
      class="link theme-link"
      aria-pressed={isChosen}
      onClick={() => change({ theme: isChosen ? null : theme, broader: null })}
    >
      {view.colour === "theme" && <Swatch of={theme} />}
      {theme >= 0 && <span class="n">{theme} </span>}
      <bdi>{theme < 0 ? "fits in no theme" : themeName(report, theme)}</bdi>
    </button>
  );
}

/** A button that opens a duplicate group and goes there. */
export function GroupLink({ group }: { group: number }) {
  const { report, change, go } = useShared();
  const found = report.groupById.get(group);
  if (!found) return null;
  return (
    <button
      type="button"
      class="link"
      onClick={() => {
        change({ group });
        go(`group-${group}`);
      }}
    >
      duplicate group {group}: {found.kind}, {number(found.size)} passages
    </button>
  );
}

/** Where a passage stands; shows it in its context. */
export function Place({ passage }: { passage: number }) {
  const { report, view, change } = useShared();
  const { start, end } = report.json.passages;
  const document = report.documents[report.documentOf[passage]];
  return (
    <span class="place">
      <button
        type="button"
        class="link"
        aria-pressed={view.passage === passage}
        title={document.document}
        onClick={() => change({ passage })}
      >
        <bdi>{short(documentName(report, report.documentOf[passage]))}</bdi>
      </button>{" "}
      <span class="bytes">{bytes(start[passage], end[passage])}</span>
      {document.title && (
        <>
          {" "}
          <bdi class="title">{short(document.title)}</bdi>
        </>
      )}
    </span>
  );
}

export interface Pages<T> {
  items: T[];
  page: number;
  nPages: number;
  first: number;
  nAll: number;
  setPage: (page: number) => void;
}

/** A page of a list; the first again whenever `key` changes. */
export function usePages<T>(all: T[], size: number, key: string): Pages<T> {
  const [at, setAt] = useState({ key, page: 0 });
  const nPages = Math.max(1, Math.ceil(all.length / size));
  const page = at.key === key ? Math.min(at.page, nPages - 1) : 0;
  return {
    items: all.slice(page * size, (page + 1) * size),
    page,
    nPages,
    first: page * size,
    nAll: all.length,
    setPage: (next) => setAt({ key, page: Math.max(0, Math.min(next, nPages - 1)) }),
  };
}

export function Pager<T>({ pages, of }: { pages: Pages<T>; of: string }) {
  const { page, nPages, first, items, nAll, setPage } = pages;
  if (nPages === 1) return null;
  return (
    <nav class="pager" aria-label={`Pages of ${of}`}>
      <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
        ← Before
      </button>
      <span role="status">
        {number(first + 1)}–{number(first + items.length)} of {number(nAll)} {of}
      </span>
      <button type="button" disabled={page === nPages - 1} onClick={() => setPage(page + 1)}>
        Next →
      </button>
    </nav>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

/** One of a few, from a menu. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label class="choice">
      <span>{label}</span>{" "}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([key, name]) => (
          <option key={key} value={key} selected={key === value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Check({ checked, onChange, children }: { checked: boolean; onChange: (is: boolean) => void; children: ComponentChildren }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />{" "}
      <span>{children}</span>
    </label>
  );
}

/** Whether a media query holds, as that changes. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const follow = () => setMatches(list.matches);
    follow();
    list.addEventListener("change", follow);
    return () => list.removeEventListener("change", follow);
  }, [query]);
  return matches;
}
