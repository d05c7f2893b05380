// The bar that stays in sight: where to go, search, light or dark, and what is chosen.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { number, passages, short, sources } from "./format.ts";
import type { Section } from "./app.tsx";
import { SourceName, Swatch, themeName, useShared } from "./parts.tsx";
import { hasSelection, NO_SELECTION, SCHEMES, type View } from "./view.ts";

const SCHEME_NAMES: Record<View["scheme"], string> = { auto: "Light or dark", light: "Light", dark: "Dark" };

export function Bar({ sections }: { sections: Section[] }) {
  const { view, change, go } = useShared();
  const bar = useRef<HTMLElement>(null);
  // What is scrolled to or stays in sight lies below the bar, however many lines it has.
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      document.documentElement.style.setProperty("--bar", `${bar.current!.offsetHeight}px`);
    });
    observer.observe(bar.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <header class="bar" ref={bar}>
      <div class="bar-row">
        <nav aria-label="Sections">
          {sections.map(({ id, name }) => (
            <button type="button" key={id} onClick={() => go(id)}>
              {name}
            </button>
          ))}
        </nav>
        <form
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            go("passages");
          }}
        >
          <input
            id="search"
            type="search"
            placeholder="Search the texts"
            aria-label="Search the texts"
            autocomplete="off"
            spellcheck={false}
            maxLength={500}
            value={view.search}
            onInput={(event) => change({ search: event.currentTarget.value }, "replace")}
          />
        </form>
        <label class="choice scheme">
          <span class="hidden">Light or dark</span>
          <select value={view.scheme} onChange={(event) => change({ scheme: event.currentTarget.value as View["scheme"] }, "replace")}>
            {SCHEMES.map((scheme) => (
              <option key={scheme} value={scheme} selected={scheme === view.scheme}>
                {SCHEME_NAMES[scheme]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Chosen />
    </header>
  );
}

/** What is chosen, each with a way to give it up, and what is left by it. */
function Chosen() {
  const { report, view, selection, change, go } = useShared();
  const isChosen = hasSelection(view);
  const left = [`${number(selection.nShown)} of ${passages(report.n)}`];
  if (report.groups) {
    const n = report.groups.filter((group) => (group.boilerplate !== undefined) === view.boilerplate).length;
    left.push(`${number(selection.groups.length)} of ${number(n)} ${view.boilerplate ? "boilerplate groups" : "duplicate groups"}`);
  }
  left.push(`${number(selection.nSources)} of ${sources(report.sources.length)}`);
  return (
    <div class={isChosen ? "chosen" : "hidden"}>
      {view.theme !== null && (
        <Chip label="Theme" clear={{ theme: null }}>
          {view.colour === "theme" && <Swatch of={view.theme} />} <bdi>{themeName(report, view.theme)}</bdi>
        </Chip>
      )}
      {view.broader !== null && (
        <Chip label="Broader theme" clear={{ broader: null }}>
          <bdi>{short(report.broaderById.get(view.broader)!.label)}</bdi>
        </Chip>
      )}
      {view.source !== null && (
        <Chip label={view.with === null ? "Source" : "Shared by"} clear={{ source: null, with: null }}>
          <SourceName source={view.source} />
          {view.with !== null && view.with !== view.source && (
            <>
              {" and "}
              <SourceName source={view.with} />
            </>
          )}
          {view.with === view.source && " within itself"}
        </Chip>
      )}
      {view.search !== "" && (
        <Chip label="Search" clear={{ search: "" }}>
          <bdi>{view.search}</bdi>
        </Chip>
      )}
      <span id="left" role="status">
        {isChosen ? left.join(" · ") : ""}
      </span>
      {isChosen && (
        <>
          <button type="button" class="link" onClick={() => go("passages")}>
            Read them
          </button>
          <button type="button" class="link clear" onClick={() => change(NO_SELECTION)}>
            Clear all <kbd>Esc</kbd>
          </button>
        </>
      )}
    </div>
  );
}

function Chip({ label, clear, children }: { label: string; clear: Partial<View>; children: ComponentChildren }) {
  const { change } = useShared();
  return (
    <span class="chip">
      <span class="chip-label">{label}</span> <span class="chip-value">{children}</span>
      <button type="button" aria-label={`Clear ${label.toLowerCase()}`} onClick={() => change(clear)}>
        ×
      </button>
    </span>
  );
}
