// Where the names of themes stand on the map: each at the place near its theme that covers fewest
// points and takes the shortest line to the theme; on the theme itself where nothing near is free.
// No name covers another name, a line or much of other themes, no lines cross, and all of a name is
// within the map: one that finds no such place is left out until the map is magnified, and stands
// in the list of themes in any case.

import type { Crowd, Line } from "./crowd.ts";

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A name in lines, with how large its plate is. */
export interface Text {
  lines: string[];
  width: number;
  height: number;
}

export interface Label {
  id: number;
  isBroader: boolean;
  /** Those that it names. */
  themes: Set<number>;
  /** It bears the theme's mark before its text. */
  isMarked: boolean;
  /** The same in fewer and in more lines. */
  texts: Text[];
  /** The passage in the thick of its theme, and where on the screen. */
  passage: number;
  x: number;
  y: number;
}

/** A label in one of its texts, with the corner of its box. */
export interface Placed extends Omit<Label, "texts">, Text, Box {}

/** Between two names, and between a name and the edge of the map; in pixels, as all here. */
const GAP = 4;
/** From the edge of a name to its theme: what is tried. */
const DISTANCES = [10, 18, 28, 40, 54, 70, 88, 108, 130, 155, 180];
/** No line is longer than this share of the map's shorter side. */
const LONGEST = 0.28;
/** So near, a name is on its theme. */
const NEAR = 10;
/** To go around points that take up all of a name's box this way is worth it; around a single one, a quarter of it. */
const DETOUR = 500;
/** A line over other themes is as this many that are not. */
const OVER_OTHERS = 3;
/** A name covers no more of other themes than this share of its box. */
const MOST_OF_OTHERS = 0.06;
/** Where so many themes mix that too few names find a place like that, a name on its theme may cover any. This share of all is enough. */
const ENOUGH = 1 / 2;

/** `most`: labels at most. Those that come first are placed first. */
export function place(labels: Label[], most: number, width: number, height: number, crowd: Crowd): Placed[] {
  const placed: Placed[] = [];
  const add = (label: Label, isStrict: boolean) => {
    const found = best(label, placed, width, height, crowd, isStrict);
    if (found) placed.push(found);
    return found !== undefined;
  };
  const left = labels.filter((label) => placed.length === most || !add(label, true));
  for (const label of left) if (placed.length < ENOUGH * most) add(label, false);
  return placed;
}

function best(label: Label, placed: Placed[], width: number, height: number, crowd: Crowd, isStrict: boolean): Placed | undefined {
  let found: Placed | undefined;
  let least = Infinity;
  for (const candidate of candidates(label, isStrict ? LONGEST * Math.min(width, height) : NEAR)) {
    if (!isWithin(candidate, width, height)) continue;
    const near = cost(candidate, crowd, least, isStrict);
    if (near < least && placed.every((other) => isApart(candidate, other))) {
      least = near;
      found = { ...candidate };
    }
  }
  return found;
}

/** In pixels of way. What is dear to find out is not found out where it cannot be `least` any more. */
function cost(label: Placed, crowd: Crowd, least: number, isStrict: boolean): number {
  const { themes, left, top, width, height } = label;
  const soFar = distance(label) + DETOUR * crowd.share(left, top, width, height) ** 0.4;
  if (soFar >= least) return soFar;
  if (isStrict && crowd.hasOthers(themes, MOST_OF_OTHERS, left, top, width, height)) return Infinity;
  return soFar + (OVER_OTHERS - 1) * crowd.wayOverOthers(themes, way(label));
}

/** On its theme, then around it, farther and farther away. There are a thousand: each is the one before, moved. */
function* candidates({ texts, ...label }: Label, farthest: number): Generator<Placed> {
  for (const text of texts) {
    const { width, height } = text;
    const candidate = { ...label, ...text, left: 0, top: 0 };
    const moved = (right: number, down: number): Placed => {
      candidate.left = label.x + right - width / 2;
      candidate.top = label.y + down - height / 2;
      return candidate;
    };
    yield moved(0, 0);
    for (const away of DISTANCES) {
      if (away > (label.isBroader ? NEAR : farthest)) break;
      for (const [right, down] of AROUND) yield moved(right * (width / 2 + away), down * (height / 2 + away));
    }
  }
}

/** Steps along the sides of a square from −1 to 1: first those at the middle of a side, corners last. */
const STEPS = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];
const AROUND = STEPS.flatMap((down) => STEPS.map((right): [number, number] => [right, down]))
  .filter(([right, down]) => Math.max(Math.abs(right), Math.abs(down)) === 1)
  .sort((a, b) => Math.hypot(...a) - Math.hypot(...b) || Math.abs(a[1]) - Math.abs(b[1]) || b[0] - a[0] || a[1] - b[1]);

const isWithin = ({ left, top, width, height }: Box, mapWidth: number, mapHeight: number): boolean =>
  left >= GAP && top >= GAP && left + width <= mapWidth - GAP && top + height <= mapHeight - GAP;

/** Those of the labels that can be drawn where they are: whole, and none over one before it. */
export function unhidden(labels: Placed[], width: number, height: number): Placed[] {
  const out: Placed[] = [];
  for (const label of labels) {
    if (isWithin(label, width, height) && out.every((other) => areBoxesApart(label, other))) out.push(label);
  }
  return out;
}

export const isInBox = ({ left, top, width, height }: Box, x: number, y: number): boolean =>
  x >= left && x <= left + width && y >= top && y <= top + height;

/** From the theme to the nearest place of the name's box. */
function distance(label: Placed): number {
  const [fromX, fromY, toX, toY] = way(label);
  return Math.hypot(toX - fromX, toY - fromY);
}

function way({ x, y, left, top, width, height }: Placed): Line {
  return [x, y, Math.max(left, Math.min(left + width, x)), Math.max(top, Math.min(top + height, y))];
}

/** The line that joins a name to its theme, if it has one. */
export const leader = (label: Placed): Line | null => (label.isBroader || distance(label) === 0 ? null : way(label));

function isApart(a: Placed, b: Placed): boolean {
  const [lineA, lineB] = [leader(a), leader(b)];
  return (
    areBoxesApart(a, b) &&
    !(lineA && crossesBox(lineA, b)) &&
    !(lineB && crossesBox(lineB, a)) &&
    !(lineA && lineB && cross(lineA, lineB))
  );
}

const areBoxesApart = (a: Box, b: Box): boolean =>
  a.left + a.width + GAP <= b.left ||
  b.left + b.width + GAP <= a.left ||
  a.top + a.height + GAP <= b.top ||
  b.top + b.height + GAP <= a.top;

function crossesBox(line: Line, { left, top, width, height }: Box): boolean {
  const [right, bottom] = [left + width, top + height];
  return (
    isInBox({ left, top, width, height }, line[0], line[1]) ||
    cross(line, [left, top, right, bottom]) ||
    cross(line, [left, bottom, right, top])
  );
}

/** Whether two lines have a place in common; a box is crossed where one of its diagonals is. */
function cross([ax, ay, bx, by]: Line, [cx, cy, dx, dy]: Line): boolean {
  const side = (px: number, py: number, qx: number, qy: number, x: number, y: number) =>
    Math.sign((qx - px) * (y - py) - (qy - py) * (x - px));
  return (
    side(ax, ay, bx, by, cx, cy) !== side(ax, ay, bx, by, dx, dy) && side(cx, cy, dx, dy, ax, ay) !== side(cx, cy, dx, dy, bx, by)
  );
}

const MOST_LINES = 3;

/**
 * A label in lines of at most `most` pixels, of which none is cut: in as few as it takes, and in
 * more up to three. Between keywords where that will do, else between words. Empty: it goes into
 * none.
 */
export function wraps(label: string, most: number, measure: (text: string) => number): string[][] {
  const betweenKeywords = evenWraps(label.split(" · "), " · ", most, measure);
  return betweenKeywords.length > 0 ? betweenKeywords : evenWraps(label.split(" "), " ", most, measure);
}

/** For each number of lines the one whose longest is shortest. */
function evenWraps(parts: string[], joint: string, most: number, measure: (text: string) => number): string[][] {
  const wraps: string[][] = [];
  for (let widest = most; ; ) {
    const wrap = filled(parts, joint, widest, measure);
    if (!wrap) return wraps;
    const width = Math.max(...wrap.map(measure));
    if (wraps.at(-1)?.length === wrap.length) wraps.pop();
    wraps.push(wrap);
    // Narrower, if only a little.
    widest = width - 0.5;
  }
}

/** As much in each line as goes into it; null if that takes too many. */
function filled(parts: string[], joint: string, most: number, measure: (text: string) => number): string[] | null {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const longer = last === undefined ? part : `${last}${joint}${part}`;
    if (measure(longer) <= most) lines.splice(-1, 1, longer);
    else if (lines.length < MOST_LINES && measure(part) <= most) lines.push(part);
    else return null;
  }
  return lines;
}
