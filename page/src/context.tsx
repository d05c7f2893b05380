// A passage in its context: what stands before and after it in its document, and what it belongs to.

import { Fragment } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { bytes, count, date, decimal, number, short, webAddress } from "./format.ts";
import { GroupLink, SourceLink, ThemeLink, useShared } from "./parts.tsx";
import { documentName, idOf, passagesOf } from "./report.ts";
import { PassageText } from "./text.tsx";

/** Passages shown before and after. */
const AROUND = 2;

export function Context({ passage }: { passage: number }) {
  const { report, view, change } = useShared();
  const title = useRef<HTMLHeadingElement>(null);
  const opener = useRef<Element | null>(null);
  const document_ = report.documentOf[passage];
  const inDocument = useMemo(() => passagesOf(report, document_), [report, document_]);
  const at = inDocument.indexOf(passage);
  const { title: name, author, date: day, url } = report.documents[document_];
  const address = webAddress(url);
  const similarity = report.json.passages.similarity?.[passage];
  const { start, end } = report.json.passages;

  // Reading begins here, and goes on where it was when this closes.
  useEffect(() => {
    opener.current = document.activeElement;
    title.current?.focus({ preventScroll: true });
    return () => {
      if (opener.current instanceof HTMLElement && opener.current.isConnected) opener.current.focus({ preventScroll: true });
    };
  }, []);
  const here = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const scroller = here.current?.closest(".context-scroll");
    if (scroller && here.current) scroller.scrollTop = Math.max(0, here.current.offsetTop - 120);
  }, [passage]);

  return (
    <aside class="context" aria-labelledby="context-title">
      <div class="context-head">
        <h2 id="context-title" ref={title} tabIndex={-1}>
          Passage in its context
        </h2>
        <button type="button" class="close" aria-label="Close (Escape)" title="Close (Escape)" onClick={() => change({ passage: null })}>
          ×
        </button>
      </div>
      <div class="context-scroll" tabIndex={0} role="region" aria-label="Text">
        <div class="context-document">
          {name && (
            <p class="title" dir="auto">
              {short(name, 200)}
            </p>
          )}
          <p class="name">
            <bdi title={report.documents[document_].document}>{short(documentName(report, document_))}</bdi>
          </p>
          {(author || day || address) && (
            <p class="facts">
              {author && <bdi>{author}</bdi>}
              {author && day && " · "}
              {day && <time>{date(day)}</time>}
              {(author || day) && address && " · "}
              {address && (
                <a href={address} rel="noopener noreferrer" target="_blank">
                  <bdi>{short(address)}</bdi>
                </a>
              )}
            </p>
          )}
        </div>
        {at > AROUND && <p class="gap">{number(at - AROUND)} passages before</p>}
        {inDocument.slice(Math.max(0, at - AROUND), at + AROUND + 1).map((i, nth, shown) => {
          const nMissing = nth === 0 ? 0 : idOf(report, i) - idOf(report, shown[nth - 1]) - 1;
          const gap = nMissing > 0 && <p class="gap">{count(nMissing, "passage", "passages")} that this page does not hold</p>;
          return i === passage ? (
            <Fragment key={i}>
              {gap}
              <div class="here" ref={here} data-passage={i} aria-current="true">
                <PassageText report={report} passage={i} search={view.search} most={4000} />
                <dl class="facts">
                  <dt>Place</dt>
                  <dd>
                    {bytes(start[i], end[i])}, passage {number(at + 1)} of {number(inDocument.length)}
                  </dd>
                  <dt>Source</dt>
                  <dd>
                    <SourceLink source={report.sourceOf[i]} />
                  </dd>
                  {report.themes && (
                    <>
                      <dt>Theme</dt>
                      <dd>
                        <ThemeLink theme={report.themeOf[i]} />
                        {similarity !== undefined && similarity !== null && `, cosine ${decimal(similarity)} to ${report.themeOf[i] < 0 ? "the nearest" : "its"} centroid`}
                      </dd>
                    </>
                  )}
                  {report.groupById.has(report.groupOf[i]) && (
                    <>
                      <dt>Recurs</dt>
                      <dd>
                        <GroupLink group={report.groupOf[i]} />
                      </dd>
                    </>
                  )}
                </dl>
              </div>
            </Fragment>
          ) : (
            <Fragment key={i}>
              {gap}
              <div class="around">
                <PassageText report={report} passage={i} search={view.search} most={400} />
              </div>
            </Fragment>
          );
        })}
        {inDocument.length - at - 1 > AROUND && <p class="gap">{number(inDocument.length - at - 1 - AROUND)} passages after</p>}
      </div>
      <div class="context-foot">
        <button type="button" disabled={at <= 0} onClick={() => change({ passage: inDocument[at - 1] }, "replace")}>
          ← Before
        </button>
        <button type="button" disabled={at >= inDocument.length - 1} onClick={() => change({ passage: inDocument[at + 1] }, "replace")}>
          Next →
        </button>
      </div>
    </aside>
  );
}
