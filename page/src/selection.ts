// What the view leaves of the report: which passages, and by them which themes, groups and sources.
// Each list is narrowed by all that is chosen but by its own choice, so that another can be chosen.

import type { DuplicateGroup, Kind, Report } from "./report.ts";
import type { View } from "./view.ts";
import { find } from "./search.ts";

export interface Selection {
  /** 1 for each passage that is left. */
  shown: Uint8Array;
  nShown: number;
  /** By cluster_id: passages left by all but the choice of a theme; −1: those in none. */
  byTheme: Map<number, number>;
  /** By source: passages left by all but the choice of a source. */
  bySource: Int32Array;
  /** Groups of which a passage is left, of the kinds and the reach that are chosen, in order. */
  groups: DuplicateGroup[];
  /** Groups of each kind before a kind is chosen. */
  byKind: Record<Kind, number>;
  /** The same, of those across sources. */
  nAcross: number;
  /** Sources with a passage left. */
  nSources: number;
}

export const sourcesOfGroup = (report: Report, group: DuplicateGroup): Set<number> =>
  new Set(group.members.map((i) => report.sourceOf[i]));

export function select(report: Report, view: View): Selection {
  const { n, themeOf, sourceOf } = report;
  const found = find(report, view.search);
  const ofTheme = themeFilter(report, view);
  const ofSources = sourceFilter(report, view);

  const shown = new Uint8Array(n);
  const byTheme = new Map<number, number>();
  const bySource = new Int32Array(report.sources.length);
  let nShown = 0;
  for (let i = 0; i < n; i++) {
    if (found && !found[i]) continue;
    const isOfTheme = ofTheme(i);
    const isOfSource = ofSources(i);
    if (isOfSource) byTheme.set(themeOf[i], (byTheme.get(themeOf[i]) ?? 0) + 1);
    if (isOfTheme) bySource[sourceOf[i]]++;
    if (isOfTheme && isOfSource) {
      shown[i] = 1;
      nShown++;
    }
  }

  const byKind = { exact: 0, near: 0, excerpt: 0, reworded: 0 };
  let nAcross = 0;
  const left = (report.groups ?? []).filter((group) => {
    if ((group.boilerplate !== undefined) !== view.boilerplate) return false;
    if (!group.members.some((i) => shown[i])) return false;
    const isOfKind = view.kinds.length === 0 || view.kinds.includes(group.kind);
    const isOfReach = !view.across || group.across_sources;
    if (isOfReach) byKind[group.kind]++;
    if (isOfKind && group.across_sources) nAcross++;
    return isOfKind && isOfReach;
  });
  return {
    shown,
    nShown,
    byTheme,
    bySource,
    groups: ordered(left, view.groups),
    byKind,
    nAcross,
    nSources: new Set(report.sourceOf.filter((_, i) => shown[i])).size,
  };
}

function themeFilter(report: Report, view: View): (passage: number) => boolean {
  const { themeOf } = report;
  if (view.theme !== null) return (i) => themeOf[i] === view.theme;
  if (view.broader !== null) {
    const themes = new Set(report.broaderById.get(view.broader)?.themes);
    return (i) => themes.has(themeOf[i]);
  }
  return () => true;
}

function sourceFilter(report: Report, view: View): (passage: number) => boolean {
  const { sourceOf, groupOf } = report;
  const { source, with: other } = view;
  if (source === null) return () => true;
  if (other === null) return (i) => sourceOf[i] === source;
  // A cell of the heat map: passages of the two sources in groups that both have a part in; on the
  // diagonal, of the groups that have two passages or more in the one source.
  const shared = new Set<number>();
  for (const { group, members } of report.groups ?? []) {
    const inSource = members.filter((i) => sourceOf[i] === source).length;
    const inOther = source === other ? inSource - 1 : members.filter((i) => sourceOf[i] === other).length;
    if (inSource > 0 && inOther > 0) shared.add(group);
  }
  return (i) => (sourceOf[i] === source || sourceOf[i] === other) && shared.has(groupOf[i]);
}

const STRENGTH: Record<Kind, number> = { exact: 0, near: 1, excerpt: 2, reworded: 3 };

function ordered(groups: DuplicateGroup[], order: View["groups"]): DuplicateGroup[] {
  const by: Record<View["groups"], (a: DuplicateGroup, b: DuplicateGroup) => number> = {
    // What a reader learns most from first: across sources, then reworded before copied, then larger.
    telling: (a, b) =>
      Number(b.across_sources) - Number(a.across_sources) || STRENGTH[b.kind] - STRENGTH[a.kind] || b.size - a.size,
    size: (a, b) => b.size - a.size,
    kind: (a, b) => STRENGTH[a.kind] - STRENGTH[b.kind],
    number: () => 0,
  };
  return [...groups].sort((a, b) => by[order](a, b) || a.group - b.group);
}
