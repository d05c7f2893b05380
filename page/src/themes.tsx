// The list of themes: it is the map's legend, the way to choose a theme, and what there is to know
// of each.

import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Curve } from "./curve.tsx";
import { count, decimal, language, number, passages, share, short, sources } from "./format.ts";
import { Choice, Pager, Place, SourceLink, Swatch, ThemeLink, useShared, usePages } from "./parts.tsx";
import type { BroaderTheme, Report, Theme } from "./report.ts";
import { fold, terms } from "./search.ts";
import { PassageText, Quote } from "./text.tsx";
import type { View } from "./view.ts";

const PAGE = 30;
/** A source with this share of a theme's passages is named. */
const MAIN_SOURCE = 1 / 3;
/** Segments of a theme's bar; what is left is one more. */
const MAX_SEGMENTS = 12;

const ORDERS = [
  ["size", "size"],
  ["cohesion", "cohesion"],
  ["spread", "spread over sources"],
  ["sources", "number of sources"],
  ["label", "name"],
] as const;

function compare(order: View["themes"]): (a: Theme, b: Theme) => number {
  const by = {
    size: (a: Theme, b: Theme) => b.size - a.size,
    cohesion: (a: Theme, b: Theme) => b.cohesion - a.cohesion,
    spread: (a: Theme, b: Theme) => b.spread - a.spread,
    sources: (a: Theme, b: Theme) => b.n_sources - a.n_sources,
    label: (a: Theme, b: Theme) => a.label.localeCompare(b.label, "en"),
  }[order];
  return (a, b) => by(a, b) || a.cluster_id - b.cluster_id;
}

/** Themes that have the same broader theme next to each other, in the order of these. */
function grouped(report: Report, themes: Theme[]): Theme[] {
  const order = new Map(report.broader.map(({ parent }, i) => [parent, i]));
  const at = ({ parent }: Theme) => order.get(parent ?? -1) ?? order.size;
  return [...themes].sort((a, b) => at(a) - at(b));
}

export function Themes() {
  const { report, view, selection, change } = useShared();
  const [wanted, setWanted] = useState("");
  const [isTwoLevel, setTwoLevel] = useState(report.broader.length > 0);
  const themes = report.themes!;
  const left = useMemo(() => {
    const asked = terms(wanted);
    const isWanted = (theme: Theme) => {
      const names = fold([theme.label, ...theme.keywords].join(" "));
      return asked.every((term) => names.includes(term));
    };
    const found = themes.filter((theme) => (selection.byTheme.get(theme.cluster_id) ?? 0) > 0 && isWanted(theme));
    found.sort(compare(view.themes));
    return isTwoLevel ? grouped(report, found) : found;
  }, [report, selection, view.themes, wanted, isTwoLevel]);
  const pages = usePages(left, PAGE, `${wanted} ${view.themes} ${isTwoLevel} ${selection.nShown}`);
  const largest = Math.max(...themes.map((theme) => theme.size));
  const nOutliers = report.json.header.counts.outliers ?? 0;
  const curve = report.json.clustering?.curve ?? [];

  return (
    <section id="themes" aria-labelledby="themes-title">
      <h2 id="themes-title" tabIndex={-1} data-focus>
        Themes <span class="heading-figure">{number(themes.length)}</span>
      </h2>
      <div class="controls">
        <input
          type="search"
          class="filter"
          placeholder="Filter by keyword"
          aria-label="Filter themes by keyword"
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
        <Choice label="Sorted by" value={view.themes} options={ORDERS} onChange={(order) => change({ themes: order }, "replace")} />
        {report.broader.length > 0 && (
          <Choice
            label="Shown as"
            value={isTwoLevel ? "two" : "one"}
            options={[
              ["two", "two levels"],
              ["one", "one list"],
            ]}
            onChange={(levels) => setTwoLevel(levels === "two")}
          />
        )}
      </div>
      {left.length < themes.length && (
        <p class="help" role="status">
          {left.length === 0 ? "No theme has any of it." : `${number(left.length)} of ${count(themes.length, "theme", "themes")}`}
        </p>
      )}
      <ol class="themes">
        {pages.items.map((theme, i) => {
          const isFirst = isTwoLevel && (i === 0 || theme.parent !== pages.items[i - 1].parent);
          const broader = isFirst ? report.broaderById.get(theme.parent ?? -1) : undefined;
          return (
            <Fragment key={theme.cluster_id}>
              {broader && <Broader broader={broader} />}
              <ThemeRow theme={theme} largest={largest} />
            </Fragment>
          );
        })}
      </ol>
      <Pager pages={pages} of="themes" />
      {nOutliers > 0 && (
        <p class="outliers">
          <ThemeLink theme={-1} /> <span class="n">{passages(nOutliers)}</span>
        </p>
      )}
      {curve.length > 1 && (
        <details class="more">
          <summary>How the number of themes was chosen</summary>
          <Curve clustering={report.json.clustering!} />
        </details>
      )}
    </section>
  );
}

function Broader({ broader }: { broader: BroaderTheme }) {
  const { view, change } = useShared();
  const isChosen = view.broader === broader.parent;
  return (
    <li class="broader">
      <h3>
        <button
          type="button"
          class="choose"
          aria-pressed={isChosen}
          onClick={() => change({ broader: isChosen ? null : broader.parent, theme: null })}
        >
          <Label of={broader} />
        </button>
      </h3>
      <span class="n">
        {passages(broader.size)} · {count(broader.themes.length, "theme", "themes")}
      </span>
    </li>
  );
}

/** The label, with the share of the theme's different texts that have each of its keywords. */
function Label({ of: { label, keywords, keyword_shares: shares } }: { of: Theme | BroaderTheme }) {
  return (
    <span>
      {label.split(" · ").map((part, i) => (
        <Fragment key={i}>
          {i > 0 && " · "}
          <bdi>{short(part)}</bdi>
          {part === keywords[i] && <span class="n share" title="of its different texts"> {share(shares[i], 1)}</span>}
        </Fragment>
      ))}
    </span>
  );
}

/** Not the theme's size: of a part of a corpus, the size is that of the whole. */
const total = (parts: { passages: number }[]): number => parts.reduce((sum, { passages: n }) => sum + n, 0);

function ThemeRow({ theme, largest }: { theme: Theme; largest: number }) {
  const { report, view, selection, change } = useShared();
  const [isOpen, setOpen] = useState(false);
  const { cluster_id: id } = theme;
  const isChosen = view.theme === id;
  const left = selection.byTheme.get(id) ?? 0;
  const inPage = report.inTheme.get(id) ?? 0;
  const [main] = theme.sources;
  const inSources = total(theme.sources);
  const isNamed = main !== undefined && main.passages >= MAIN_SOURCE * inSources;
  return (
    <li class="theme" data-theme={id} data-chosen={isChosen || undefined}>
      <div class="theme-head">
        <h3>
          <button
            type="button"
            class="choose"
            aria-pressed={isChosen}
            onClick={() => change({ theme: isChosen ? null : id, broader: null })}
          >
            {view.colour === "theme" && <Swatch of={id} />}
            <span class="n id">{id}</span> <Label of={theme} />
          </button>
        </h3>
        <span class="n size">{left < inPage ? `${number(left)} of ${number(inPage)}` : number(theme.size)}</span>
      </div>
      <SourceBar theme={theme} largest={largest} />
      <p class="facts">
        {passages(theme.size)}
        {theme.n_distinct < theme.size && `, ${number(theme.n_distinct)} different`} · cohesion {decimal(theme.cohesion)} · {sources(theme.n_sources)}
        {isNamed && (
          <>
            , <SourceLink source={report.sourceByName.get(main.source)!} /> {share(main.passages, inSources)}
          </>
        )}
      </p>
      {theme.exemplars.length > 0 && !isOpen && (
        <p class="exemplar">
          <Quote report={report} passage={theme.exemplars[0]} />
        </p>
      )}
      <details class="more" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {isOpen ? "Less" : "Keywords and exemplars"}
          <span class="hidden"> of theme {id}</span>
        </summary>
        {isOpen && <ThemeDetails theme={theme} />}
      </details>
    </li>
  );
}

function ThemeDetails({ theme }: { theme: Theme }) {
  const { report, view } = useShared();
  const { nearest } = theme;
  const named = theme.sources.slice(0, 8);
  return (
    <div class="details">
      <p>
        <span class="label">Keywords</span>{" "}
        {theme.keywords.map((keyword, i) => (
          <>
            {i > 0 && ", "}
            <bdi>{short(keyword, 60)}</bdi> <span class="n">{share(theme.keyword_shares[i], 1)}</span>
          </>
        ))}{" "}
        (of its different texts; any of them <span class="n">{share(theme.keyword_coverage, 1)}</span>)
      </p>
      {nearest && (
        <p>
          <span class="label">Nearest theme</span> <ThemeLink theme={nearest.cluster_id} />, cosine {decimal(nearest.cosine)}
        </p>
      )}
      <p>
        <span class="label">Spread over sources</span> {decimal(theme.spread)} (1: evenly over as many as it could)
      </p>
      <p>
        <span class="label">Languages</span>{" "}
        {theme.languages.map(({ language: code, passages: n }, i) => (
          <>
            {i > 0 && ", "}
            {language(code)} <span class="n">{share(n, total(theme.languages))}</span>
          </>
        ))}
      </p>
      <div>
        <span class="label">Sources</span>
        <ul class="plain">
          {named.map(({ source, passages: n }) => (
            <li key={source}>
              <SourceLink source={report.sourceByName.get(source)!} />{" "}
              <span class="n">
                {number(n)} · {share(n, total(theme.sources))}
              </span>
            </li>
          ))}
          {theme.sources.length > named.length && <li>and {sources(theme.sources.length - named.length)} more</li>}
        </ul>
      </div>
      <div>
        <span class="label">Exemplars</span>
        {theme.exemplars.map((passage) => (
          <div class="passage" key={passage}>
            <PassageText report={report} passage={passage} search={view.search} most={420} />
            <Place passage={passage} />
          </div>
        ))}
      </div>
    </div>
  );
}

/** As long as the theme is large, cut by sources; which they are stands in its details. */
function SourceBar({ theme, largest }: { theme: Theme; largest: number }) {
  const named = theme.sources.slice(0, MAX_SEGMENTS);
  const rest = theme.sources.slice(MAX_SEGMENTS).reduce((sum, { passages: n }) => sum + n, 0);
  const segments = [...named.map(({ source, passages: n }) => ({ name: source, n })), ...(rest > 0 ? [{ name: "other sources", n: rest }] : [])];
  return (
    <div class="source-bar" aria-hidden="true" style={{ width: `${(100 * theme.size) / largest}%` }}>
      {segments.map(({ name, n }) => (
        <span key={name} title={`${name}: ${passages(n)}`} style={{ flexGrow: n }} />
      ))}
    </div>
  );
}
