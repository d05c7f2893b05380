// The page as a whole: the bar on top, the views below each other, and beside them the passage that
// is chosen, in its context.

import { useEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { Bar } from "./bar.tsx";
import { Context } from "./context.tsx";
import { Duplicates } from "./duplicates.tsx";
import { Header } from "./header.tsx";
import { MapView } from "./map.tsx";
import { Notes } from "./notes.tsx";
import { SharedContext, useMedia } from "./parts.tsx";
import { Passages } from "./passages.tsx";
import type { Report } from "./report.ts";
import { select } from "./selection.ts";
import { Sources } from "./sources.tsx";
import { Themes } from "./themes.tsx";
import { hasSelection, NO_SELECTION, type ViewStore } from "./view.ts";

export interface Section {
  id: string;
  name: string;
}

/** The parts that this report has. */
function sectionsOf(report: Report): Section[] {
  const has: [boolean, string, string][] = [
    [report.x !== null, "map", "Map"],
    [report.themes !== null, "themes", "Themes"],
    [report.groups !== null, "duplicates", "Duplicates"],
    [true, "sources", "Sources"],
    [true, "passages", "Passages"],
  ];
  return has.filter(([is]) => is).map(([, id, name]) => ({ id, name }));
}

export function App({ report, store }: { report: Report; store: ViewStore }) {
  const [, redraw] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => store.subscribe(() => redraw()), [store]);
  const { view, change } = store;

  const { theme, broader, source, with: other, search, across, boilerplate, groups } = view;
  const kinds = view.kinds.join(" ");
  const selection = useMemo(
    () => select(report, view),
    [report, theme, broader, source, other, search, kinds, across, boilerplate, groups],
  );

  const isPrinted = useMedia("print");
  const isDark = useMedia("(prefers-color-scheme: dark)");
  const scheme = isPrinted ? "paper" : view.scheme === "auto" ? (isDark ? "dark" : "light") : view.scheme;
  // Before the map draws: it reads its colours from the style.
  document.documentElement.dataset.scheme = scheme;

  const sections = useMemo(() => sectionsOf(report), [report]);
  const wanted = useRef<string | null>(null);
  const go = (id: string) => {
    wanted.current = id;
    redraw();
  };
  useEffect(() => {
    const element = wanted.current && document.getElementById(wanted.current);
    if (!element) return;
    wanted.current = null;
    element.scrollIntoView({ block: "start" });
    (element.querySelector<HTMLElement>("[data-focus]") ?? element).focus({ preventScroll: true });
  });

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input[type="search"], select');
      if (event.key === "Escape" && !event.defaultPrevented) {
        if (event.target instanceof HTMLInputElement && event.target.value !== "" && isTyping) {
          // Escape in a field empties the field, and no more; not all browsers do it themselves.
          if (event.target.id === "search") change({ search: "" }, "replace");
        } else if (store.view.passage !== null) change({ passage: null });
        else if (hasSelection(store.view)) change(NO_SELECTION);
      } else if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        document.getElementById("search")?.focus();
      }
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [store]);

  return (
    <SharedContext.Provider value={{ report, view, selection, change, go }}>
      <Bar sections={sections} />
      <div class={view.passage === null ? "layout" : "layout with-context"}>
        <main>
          <Header />
          <div class={report.x && report.themes ? "overview two" : "overview"}>
            {report.x && <MapView scheme={scheme} />}
            {report.themes && <Themes />}
          </div>
          {report.groups && <Duplicates />}
          <Sources />
          <Passages />
          <Notes />
        </main>
        {view.passage !== null && <Context passage={view.passage} />}
      </div>
    </SharedContext.Provider>
  );
}
