// The view: all that a reader has chosen. It is the URL's fragment, so a link shows the same thing
// and back and forward work; nothing is stored elsewhere. What a fragment says that the report does
// not have (an edited link, a link to another report) is dropped.

import { KINDS, type Kind, type Report } from "./report.ts";

export const THEME_ORDERS = ["size", "cohesion", "spread", "sources", "label"] as const;
export const GROUP_ORDERS = ["telling", "size", "kind", "number"] as const;
export const SOURCE_ORDERS = ["order", "name", "documents", "passages", "themes", "recycled"] as const;
export const COLOURS = ["theme", "source"] as const;
export const SCHEMES = ["auto", "light", "dark"] as const;

export interface View {
  /** A theme's cluster_id; −1: the passages that fit in none. */
  theme: number | null;
  broader: number | null;
  /** A source, by its place in the report. */
  source: number | null;
  /** With `source`: the other source of a cell of the heat map. */
  with: number | null;
  search: string;
  /** The duplicate group that is open. */
  group: number | null;
  /** The passage that is shown in its context. */
  passage: number | null;
  /** Kinds of duplicate groups shown; all where it is empty. */
  kinds: Kind[];
  across: boolean;
  boilerplate: boolean;
  colour: (typeof COLOURS)[number];
  rings: boolean;
  themes: (typeof THEME_ORDERS)[number];
  groups: (typeof GROUP_ORDERS)[number];
  sources: (typeof SOURCE_ORDERS)[number];
  /** The part of the map in sight, null for the first view: magnification of that, and the centre in shares of the whole map. */
  map: [number, number, number] | null;
  scheme: (typeof SCHEMES)[number];
}

export const START: View = {
  theme: null,
  broader: null,
  source: null,
  with: null,
  search: "",
  group: null,
  passage: null,
  kinds: [],
  across: false,
  boilerplate: false,
  colour: "theme",
  rings: true,
  themes: "size",
  groups: "telling",
  sources: "order",
  map: null,
  scheme: "auto",
};

/** What narrows the passages: cleared by Escape. */
export const NO_SELECTION: Partial<View> = { theme: null, broader: null, source: null, with: null, search: "" };

export const hasSelection = (view: View): boolean =>
  view.theme !== null || view.broader !== null || view.source !== null || view.search !== "";

export function toFragment(view: View): string {
  const out = new URLSearchParams();
  for (const key of Object.keys(START) as (keyof View)[]) {
    const value = view[key];
    if (value === null || value === START[key] || (Array.isArray(value) && value.length === 0)) continue;
    if (key === "rings") out.set(key, "off");
    else if (typeof value === "boolean") out.set(key, "on");
    else if (key === "map") out.set(key, (value as number[]).map((n) => String(Number(n.toFixed(4)))).join(" "));
    else out.set(key, Array.isArray(value) ? value.join(" ") : String(value));
  }
  return out.toString();
}

export function fromFragment(fragment: string, report: Report): View {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const integer = (key: string, isKnown: (n: number) => boolean): number | null => {
    const text = given.get(key);
    return text !== null && /^-?\d{1,9}$/.test(text) && isKnown(Number(text)) ? Number(text) : null;
  };
  const oneOf = <T extends string>(key: string, known: readonly T[], otherwise: T): T =>
    known.find((value) => value === given.get(key)) ?? otherwise;

  const source = integer("source", (n) => n >= 0 && n < report.sources.length);
  const map = given.get("map")?.split(" ").map(Number) ?? [];
  return {
    theme: integer("theme", (n) => report.themes !== null && (n === -1 || report.themeById.has(n))),
    broader: integer("broader", (n) => report.broaderById.has(n)),
    source,
    with: source === null ? null : integer("with", (n) => n >= 0 && n < report.sources.length),
    search: (given.get("search") ?? "").slice(0, 500),
    group: integer("group", (n) => report.groupById.has(n)),
    passage: integer("passage", (n) => n >= 0 && n < report.n),
    kinds: KINDS.filter((kind) => given.get("kinds")?.split(" ").includes(kind)),
    across: given.get("across") === "on",
    boilerplate: given.get("boilerplate") === "on",
    colour: report.themes === null ? "source" : oneOf("colour", COLOURS, "theme"),
    rings: given.get("rings") !== "off",
    themes: oneOf("themes", THEME_ORDERS, "size"),
    groups: oneOf("groups", GROUP_ORDERS, "telling"),
    sources: oneOf("sources", SOURCE_ORDERS, "order"),
    map: map.length === 3 && map.every(Number.isFinite) && map[0] > 0 ? [map[0], map[1], map[2]] : null,
    scheme: oneOf("scheme", SCHEMES, "auto"),
  };
}

/** How a change enters the history: as a step of its own, or in place of the last. */
export type Step = "push" | "replace";
export type Change = (patch: Partial<View>, step?: Step) => void;

/** Keeps the view and the fragment the same, and tells who asks. */
export class ViewStore {
  view: View;
  private readonly listeners = new Set<() => void>();
  private pending: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly report: Report) {
    this.view = fromFragment(location.hash, report);
    const follow = () => {
      this.forgetPending();
      const view = fromFragment(location.hash, this.report);
      if (toFragment(view) === toFragment(this.view)) return;
      this.view = view;
      this.tell();
    };
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  change: Change = (patch, step = "push") => {
    const before = toFragment(this.view);
    this.view = { ...this.view, ...patch };
    if (toFragment(this.view) !== before) {
      if (step === "push") {
        if (this.forgetPending()) write(before, "replace");
        write(toFragment(this.view), "push");
      } else {
        // Typing and dragging change the view many times a second; browsers allow fewer steps.
        clearTimeout(this.pending);
        this.pending = setTimeout(() => {
          this.pending = undefined;
          write(toFragment(this.view), "replace");
        }, 250);
      }
    }
    this.tell();
  };

  private forgetPending(): boolean {
    const wasPending = this.pending !== undefined;
    clearTimeout(this.pending);
    this.pending = undefined;
    return wasPending;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function write(fragment: string, step: Step): void {
  try {
    if (step === "push") history.pushState(null, "", `#${fragment}`);
    else history.replaceState(null, "", `#${fragment}`);
  } catch {
    // A viewer that forbids it, or too many steps at once: the page works, the link lags behind.
  }
}
