// What was read, with what, and what was found, in figures.

import type { ComponentChildren } from "preact";
import { count, documents, number, passages, short, sources } from "./format.ts";
import { useShared } from "./parts.tsx";
import type { Report } from "./report.ts";

/** The name of the corpus: the last part of each path, of three at most. */
function title(paths: string[]): string {
  const names = paths.map((path) => (path === "-" ? "standard input" : path.replace(/\/+$/, "").split("/").at(-1) || path));
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 2).join(", ")} and ${count(names.length - 2, "path", "paths")} more`;
}

function madeWith({ json, themes }: Report): string {
  const { model } = json.header;
  if (model) return `${model.name}, ${number(model.dim)} dimensions, on ${model.provider} in ${model.precision}`;
  return themes ? "embeddings as given" : "compared by words, without a model";
}

/** Those of the whole report, of which more is known only where the page holds them all. */
function DuplicateGroups({ report }: { report: Report }) {
  const { groups } = report.json;
  const found = report.groups!.filter((group) => !group.boilerplate);
  const nBoilerplate = report.groups!.length - found.length;
  if (groups && groups.shown < groups.of) {
    return <Figure name="Duplicate groups" value={groups.of}>{`${nBoilerplate > 0 ? "boilerplate among them; " : ""}${number(groups.shown)} in this page`}</Figure>;
  }
  const nAcross = found.filter((group) => group.across_sources).length;
  return (
    <Figure name="Duplicate groups" value={found.length}>
      {`${number(nAcross)} across sources${nBoilerplate > 0 ? `; ${number(nBoilerplate)} of boilerplate apart` : ""}`}
    </Figure>
  );
}

/** What of the report is not all in the page, and how much of it is. */
function partsOf({ json: { points, texts, groups } }: Report): string[] {
  const parts = [];
  if (points && points.shown < points.of) parts.push(`${number(points.shown)} of ${passages(points.of)}`);
  if (texts && texts.shown < texts.of) parts.push(`the texts of ${number(texts.shown)} of ${passages(texts.of)}`);
  if (groups && groups.shown < groups.of) parts.push(`${number(groups.shown)} of ${count(groups.of, "group", "groups")}`);
  return parts;
}

export function Header() {
  const { report, go } = useShared();
  const { header, warnings } = report.json;
  const parts = partsOf(report);
  const { counts } = header;
  const name = short(title(header.paths), 90);
  document.title = `${name} – refrain report`;

  const notes = [
    counts.short_passages_left_out > 0 && `${passages(counts.short_passages_left_out)} left out as too short`,
    counts.paragraphs_split > 0 && `${count(counts.paragraphs_split, "paragraph", "paragraphs")} split`,
    warnings.length > 0 && count(warnings.length, "warning", "warnings"),
  ].filter(Boolean);

  return (
    <section class="header" aria-label="What was read">
      <div>
        <p class="made-by">refrain {header.refrain}</p>
        <h1>
          <bdi title={header.paths.join("\n")}>{name}</bdi>
        </h1>
      </div>
      <dl class="figures">
        <Figure name="Passages" value={counts.passages}>
          {counts.distinct_passages < counts.passages && `${number(counts.distinct_passages)} of different text`}
        </Figure>
        <Figure name="Documents" value={counts.documents}>{`from ${sources(counts.sources)}`}</Figure>
        {report.themes && (
          <Figure name="Themes" value={report.themes.length}>
            {counts.outliers ? `${count(counts.outliers, "passage fits", "passages fit")} in none` : null}
          </Figure>
        )}
        {report.groups && <DuplicateGroups report={report} />}
      </dl>
      <p class="made">
        {madeWith(report)}
        {counts.old_passages ? ` · ${passages(counts.old_passages)} of the old corpus among them` : ""}
        {counts.inputs !== counts.documents ? ` · ${documents(counts.documents)} in ${count(counts.inputs, "file", "files")}` : ""}
        {notes.length > 0 && (
          <>
            {" · "}
            <button type="button" class="link" onClick={() => go("notes")}>
              {notes.join(", ")}
            </button>
          </>
        )}
      </p>
      {parts.length > 0 && (
        <p class="sample">
          This page holds a part of the report: {parts.join(", ")}. Map, lists and search go by these; all are in{" "}
          <code>passages.parquet</code> and <code>report.json</code>.
        </p>
      )}
    </section>
  );
}

function Figure({ name, value, children }: { name: string; value: number; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class="value">{number(value)}</span>
        {children && <span class="more">{children}</span>}
      </dd>
    </div>
  );
}
