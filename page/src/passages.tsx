// The passages that are chosen, to be read: all of the corpus, or what theme, source and search leave.

import { useMemo } from "preact/hooks";
import { number, passages as nPassages } from "./format.ts";
import { GroupLink, Pager, Place, ThemeLink, useShared, usePages } from "./parts.tsx";
import { PassageText } from "./text.tsx";
import { hasSelection } from "./view.ts";

const PAGE = 20;

export function Passages() {
  const { report, view, selection } = useShared();
  const all = useMemo(() => {
    const found: number[] = [];
    for (let i = 0; i < report.n; i++) if (selection.shown[i]) found.push(i);
    return found;
  }, [report, selection.shown]);
  const pages = usePages(all, PAGE, `${view.theme} ${view.broader} ${view.source} ${view.with} ${view.search}`);
  const texts = report.json.texts;
  return (
    <section id="passages" aria-labelledby="passages-title">
      <h2 id="passages-title" tabIndex={-1} data-focus>
        Passages <span class="heading-figure">{number(all.length)}</span>
      </h2>
      <p class="lead" role="status" data-passages={all.length}>
        {hasSelection(view) ? `${number(all.length)} of ${nPassages(report.n)} are chosen.` : "All, in the order of the documents. Choose a theme or a source, or search, to see fewer."}
        {view.search !== "" && texts && texts.shown < texts.of && ` Searched: the ${number(texts.shown)} texts in this page.`}
      </p>
      <ol class="passages" start={pages.first + 1}>
        {pages.items.map((passage) => (
          <li class="passage" key={passage} data-passage={passage}>
            <PassageText report={report} passage={passage} search={view.search} />
            <p class="facts">
              <Place passage={passage} />
              {report.themes && (
                <>
                  {" · "}
                  <ThemeLink theme={report.themeOf[passage]} />
                </>
              )}
              {report.groupById.has(report.groupOf[passage]) && (
                <>
                  {" · "}
                  <GroupLink group={report.groupOf[passage]} />
                </>
              )}
            </p>
          </li>
        ))}
      </ol>
      <Pager pages={pages} of="passages" />
    </section>
  );
}
