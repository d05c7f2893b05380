// The map with what steers it: buttons and keys, what is under the pointer, the legend of sources.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, number, passages } from "./format.ts";
import { Check, Choice, SourceName, Swatch, themeName, useShared } from "./parts.tsx";
import { Plot, type Shown } from "./plot.ts";
import { Quote } from "./text.tsx";
import { hasSelection } from "./view.ts";

/** Sources named in the legend. */
const MAX_LEGEND = 12;
/** A map that is not looked at, such as one on paper, is as wide as this at least. */
const LEAST_WIDTH = 240;

interface Hovered {
  passages: number[];
  x: number;
  y: number;
}

export function MapView({ scheme }: { scheme: string }) {
  const { report, view, selection, change } = useShared();
  const frame = useRef<HTMLDivElement>(null);
  const below = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const plot = useRef<Plot | null>(null);
  const [outside, setOutside] = useState(0);
  const [hovered, setHovered] = useState<Hovered>({ passages: [], x: 0, y: 0 });

  const shown = useMemo((): Shown => {
    const group = view.group === null ? undefined : report.groupById.get(view.group);
    const members = group ? [group.representative, ...group.members.filter((i) => i !== group.representative)] : [];
    return {
      passages: selection.shown,
      nPassages: selection.nShown,
      colour: view.colour,
      rings: view.rings,
      passage: view.passage,
      members,
    };
  }, [report, selection, view.colour, view.rings, view.passage, view.group]);

  // The plot outlives renders; what it tells goes by the newest of them.
  const latest = useRef({ view, change });
  latest.current = { view, change };

  useEffect(() => {
    const made = new Plot(below.current!, above.current!, report, shown, {
      hover: (found, x, y) => setHovered({ passages: found, x, y }),
      choosePassage: (passage) => latest.current.change({ passage }),
      chooseTheme: (theme, isBroader) => {
        const { view: now } = latest.current;
        if (isBroader) latest.current.change({ broader: now.broader === theme ? null : theme, theme: null });
        else latest.current.change({ theme: now.theme === theme ? null : theme, broader: null });
      },
      moved: (map) => latest.current.change({ map }, "replace"),
      outside: setOutside,
    });
    plot.current = made;
    let isFirst = true;
    const observer = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = frame.current!;
      made.resize(Math.max(LEAST_WIDTH, clientWidth), clientHeight, Math.min(devicePixelRatio || 1, 3));
      if (isFirst) made.look(latest.current.view.map);
      isFirst = false;
    });
    observer.observe(frame.current!);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [report]);

  useEffect(() => plot.current?.show(shown), [shown]);
  useEffect(() => plot.current?.readPalette(), [scheme]);
  useEffect(() => plot.current?.follows(view.map), [view.map?.join(" ")]);

  // Paper is white, and does not wait for what comes after a render.
  useEffect(() => {
    const prepare = () => {
      document.documentElement.dataset.scheme = "paper";
      plot.current?.readPalette();
      plot.current?.drawForPaper();
    };
    addEventListener("beforeprint", prepare);
    return () => removeEventListener("beforeprint", prepare);
  }, []);

  const key = (event: KeyboardEvent) => {
    const map = plot.current;
    if (!map || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, () => void> = {
      "+": () => map.zoomBy(1.5),
      "=": () => map.zoomBy(1.5),
      "-": () => map.zoomBy(1 / 1.5),
      "0": () => map.reset(),
      ArrowLeft: () => map.panBy(-0.1, 0),
      ArrowRight: () => map.panBy(0.1, 0),
      ArrowUp: () => map.panBy(0, -0.1),
      ArrowDown: () => map.panBy(0, 0.1),
      Enter: () => map.chooseUnderCross(),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };

  const isSelected = hasSelection(view);
  return (
    <section id="map" aria-labelledby="map-title">
      <h2 id="map-title" class="hidden" tabIndex={-1} data-focus>
        Map
      </h2>
      <div class="controls">
        {report.themes && (
          <Choice
            label="Colour by"
            value={view.colour}
            options={[
              ["theme", "theme"],
              ["source", "source"],
            ]}
            onChange={(colour) => change({ colour })}
          />
        )}
        {report.groups && (
          <Check checked={view.rings} onChange={(rings) => change({ rings })}>
            ring duplicates
          </Check>
        )}
        <span class="zoom">
          <button type="button" aria-label="Magnify" title="Magnify (+)" onClick={() => plot.current?.zoomBy(1.6)}>
            +
          </button>
          <button type="button" aria-label="Show more of the map" title="Show more (−)" onClick={() => plot.current?.zoomBy(1 / 1.6)}>
            −
          </button>
          <button type="button" title="Back to the first view (0)" onClick={() => plot.current?.reset()}>
            Reset
          </button>
        </span>
      </div>
      <div class="map-frame" ref={frame}>
        <canvas ref={below} class="map-points" aria-hidden="true" />
        <canvas
          ref={above}
          class="map-lines"
          tabIndex={0}
          role="application"
          aria-roledescription="map"
          aria-label={`Map of ${passages(report.n)}, of which ${number(selection.nShown)} are chosen. Passages that are alike lie close to each other.`}
          aria-describedby="map-help"
          onKeyDown={key}
          onFocus={(event) => plot.current?.showCross(event.currentTarget.matches(":focus-visible"))}
          onBlur={() => plot.current?.showCross(false)}
        />
        {hovered.passages.length > 0 && <Tip {...hovered} width={frame.current?.clientWidth ?? 0} />}
      </div>
      {outside > 0 && (
        <p class="help outside">
          {number(outside)} of {count(selection.nShown, isSelected ? "chosen passage" : "passage", isSelected ? "chosen passages" : "passages")}{" "}
          {outside === 1 ? "lies" : "lie"} far off, outside of the first view.{" "}
          <button type="button" class="link" onClick={() => plot.current?.showAll()}>
            Show the whole map
          </button>
        </p>
      )}
      {view.colour === "source" && <Legend />}
      <p id="map-help" class="help">
        Passages that are alike lie close together. Drag to move; click the map, then scroll or press + and − to magnify; arrow
        keys move it, 0 goes back to the first view, Enter opens the passage under the cross.
        {report.groups && " A ring: the passage is in a duplicate group; where points are crowded, rings come as the map is magnified."}
      </p>
      <p class="hidden" role="status">
        {hovered.passages.length > 0 && above.current?.matches(":focus-visible") && (
          <>
            Under the cross: <Quote report={report} passage={hovered.passages[0]} most={120} />
          </>
        )}
      </p>
    </section>
  );
}

/** What is under the pointer. */
function Tip({ passages: found, x, y, width }: Hovered & { width: number }) {
  const { report, view } = useShared();
  const [first] = found;
  const theme = report.themeOf[first];
  const group = report.groupById.get(report.groupOf[first]);
  const isRight = x > width / 2;
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={{
        left: isRight ? "auto" : `${Math.max(4, x + 14)}px`,
        right: isRight ? `${Math.max(4, width - x + 14)}px` : "auto",
        top: `${Math.max(4, y - 12)}px`,
        maxWidth: `${Math.max(180, (isRight ? x : width - x) - 24)}px`,
      }}
    >
      <p>
        <Quote report={report} passage={first} most={180} />
      </p>
      <p class="tip-facts">
        {report.themes && (
          <span>
            {view.colour === "theme" && <Swatch of={theme} />} <bdi>{theme < 0 ? "fits in no theme" : themeName(report, theme)}</bdi>
          </span>
        )}
        <span>
          {view.colour === "source" && <Swatch of={report.sources[report.sourceOf[first]].rank} />}{" "}
          <SourceName source={report.sourceOf[first]} />
        </span>
        {group && <span>{`${group.kind}, ${passages(group.size)} in its group`}</span>}
        {found.length > 1 && <span>{count(found.length - 1, "passage more", "passages more")} at this place</span>}
      </p>
    </div>
  );
}

function Legend() {
  const { report, view, selection, change } = useShared();
  const byRank = report.sources.map((_, source) => source).sort((a, b) => report.sources[a].rank - report.sources[b].rank);
  return (
    <ul class="legend" aria-label="Sources, by the marks on the map">
      {byRank.slice(0, MAX_LEGEND).map((source) => (
        <li key={source}>
          <button
            type="button"
            aria-pressed={view.source === source}
            onClick={() => change({ source: view.source === source ? null : source, with: null })}
          >
            <Swatch of={report.sources[source].rank} /> <SourceName source={source} />{" "}
            <span class="n">{number(selection.bySource[source])}</span>
          </button>
        </li>
      ))}
      {byRank.length > MAX_LEGEND && (
        <li class="rest">and {count(byRank.length - MAX_LEGEND, "source", "sources")} more, whose marks come again</li>
      )}
    </ul>
  );
}
