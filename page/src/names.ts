// The names of themes on the map: which are named, each in the thick of what is in sight of it,
// and how they are drawn. Places are found once for a view; while the map moves, names go with
// their themes, and one that would come over another or leave the map is not drawn.

import { Crowd } from "./crowd.ts";
import { isInBox, leader, place, unhidden, wraps, type Label, type Placed, type Text } from "./labels.ts";
import { mark, OUTLINES } from "./marks.ts";
import { css, type Palette } from "./palette.ts";
import type { Report } from "./report.ts";

/** Screen pixels = place × scale + (right, down). */
export interface Projection {
  scale: number;
  right: number;
  down: number;
}

/** Of the map, in pixels. */
interface Size {
  width: number;
  height: number;
}

const LINE_WIDTH = 200;
const LINE_HEIGHT = 16;
/** Room around the lines of a name, on its plate. */
const MARGIN = { x: 6, y: 3 };
/** What a theme's mark takes before its name. */
const MARK = { radius: 4.5, width: 15 };
/** Radius of the dot with which a line begins, with the light around it. */
const DOT = 3;
/** Of the plate behind a name: ink on it is at least 7 : 1, whatever lies below. */
const OPACITY = 0.88;
/** A name for as many pixels of the map, at most. */
const PIXELS_A_NAME = 22_000;
/** So many themes are tried for each that may be named. */
const TRIED = 4;
/** A theme is named if this share of it is in sight, or if it is this share of what is in sight. */
const LEAST_OF_THEME = 0.2;
const LEAST_OF_SIGHT = 0.05;
/** The middle of a theme counts for as many points where a name would come to stand on it. */
const MIDDLE_WEIGHT = 8;
/** Passages of a theme by which its middle is found. */
const SAMPLE = 300;

/** What is to be named. */
export interface Wanted {
  /** By passage, 1: it is chosen. */
  passages: Uint8Array;
  areBroaderNamed: boolean;
  /** Themes have marks on the map, and so their names have. */
  areMarked: boolean;
}

/** A theme or a broader theme, with its chosen passages that are in sight. */
interface Seen {
  id: number;
  isBroader: boolean;
  name: string;
  themes: number[];
  seen: number[];
}

export class Names {
  private placed: Placed[] = [];
  private drawn: Placed[] = [];
  private readonly sprites = new Map<string, HTMLCanvasElement>();
  private readonly texts = new Map<string, Text[]>();
  private readonly measuring = document.createElement("canvas").getContext("2d")!;
  private readonly family = getComputedStyle(document.body).fontFamily;

  /** `x`, `y`: of the passages, as shares of the map's larger side. */
  constructor(private readonly report: Report, private readonly x: Float32Array, private readonly y: Float32Array) {}

  /** After colours or the density of pixels have changed. */
  forgetSprites(): void {
    this.sprites.clear();
  }

  /** Finds places anew. `radius`: of a point. */
  place(wanted: Wanted, projection: Projection, size: Size, radius: number): void {
    const { scale, right, down } = projection;
    const { width, height } = size;
    const most = Math.max(6, Math.floor((width * height) / PIXELS_A_NAME));
    const inSight = this.inSight(wanted.passages, projection, size);
    const labels = this.named(inSight, wanted).slice(0, TRIED * most).map((theme) => this.label(theme, wanted.areMarked, projection));
    const crowd = new Crowd(width, height);
    for (const [theme, seen] of inSight) {
      for (const i of seen) crowd.add(theme, this.x[i] * scale + right, this.y[i] * scale + down, radius + 1);
    }
    for (const { id, isBroader, x, y } of labels) if (!isBroader) crowd.add(id, x, y, radius, MIDDLE_WEIGHT);
    crowd.sum();
    this.placed = place(labels, most, width, height, crowd);
  }

  /** The chosen passages that are on the screen, by theme. */
  private inSight(passages: Uint8Array, { scale, right, down }: Projection, { width, height }: Size): Map<number, number[]> {
    const out = new Map<number, number[]>();
    for (let i = 0; i < this.x.length; i++) {
      if (!passages[i]) continue;
      const x = this.x[i] * scale + right;
      const y = this.y[i] * scale + down;
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const theme = this.report.themeOf[i];
      const of = out.get(theme);
      if (of) of.push(i);
      else out.set(theme, [i]);
    }
    return out;
  }

  /** Broader themes first, then by how many passages are in sight. */
  private named(inSight: Map<number, number[]>, { passages, areBroaderNamed }: Wanted): Seen[] {
    const chosen = new Map<number, number>();
    this.report.themeOf.forEach((theme, i) => passages[i] && chosen.set(theme, (chosen.get(theme) ?? 0) + 1));
    const nInSight = [...inSight.values()].reduce((sum, { length }) => sum + length, 0);
    const isSeen = ({ seen, themes }: Seen) => {
      const nChosen = themes.reduce((sum, theme) => sum + (chosen.get(theme) ?? 0), 0);
      return seen.length > 0 && (seen.length >= LEAST_OF_THEME * nChosen || seen.length >= LEAST_OF_SIGHT * nInSight);
    };
    const seen = (id: number, isBroader: boolean, name: string, themes: number[]): Seen => ({
      id,
      isBroader,
      name,
      themes,
      seen: themes.flatMap((theme) => inSight.get(theme) ?? []),
    });
    const broader = areBroaderNamed ? this.report.broader.map((of) => seen(of.parent, true, of.label, of.themes)) : [];
    const themes = (this.report.themes ?? []).map((of) => seen(of.cluster_id, false, of.label, [of.cluster_id]));
    return [broader, themes].flatMap((of) => of.filter(isSeen).sort((a, b) => b.seen.length - a.seen.length || a.id - b.id));
  }

  private label({ id, isBroader, name, themes, seen }: Seen, areMarked: boolean, { scale, right, down }: Projection): Label {
    const isMarked = areMarked && !isBroader;
    const passage = middle(seen, this.x, this.y);
    return {
      id,
      isBroader,
      isMarked,
      themes: new Set(themes),
      texts: this.textsOf(name, isBroader, isMarked),
      passage,
      x: this.x[passage] * scale + right,
      y: this.y[passage] * scale + down,
    };
  }

  draw(context: CanvasRenderingContext2D, density: number, palette: Palette, { scale, right, down }: Projection, size: Size, radius: number): void {
    const moved = this.placed.map((label): Placed => {
      const x = this.x[label.passage] * scale + right;
      const y = this.y[label.passage] * scale + down;
      return { ...label, x, y, left: label.left + x - label.x, top: label.top + y - label.y };
    });
    this.drawn = unhidden(moved, size.width, size.height);
    for (const label of this.drawn) drawLeader(context, label, palette, radius);
    for (const label of this.drawn) {
      const sprite = this.sprite(label, density, palette);
      // At whole pixels, so that letters stay sharp.
      const [left, top] = [label.left, label.top].map((at) => Math.round(at * density) / density);
      context.drawImage(sprite, left, top, sprite.width / density, sprite.height / density);
    }
  }

  /** A name on its plate as a picture, drawn once: text is slow to draw. */
  private sprite({ id, isBroader, isMarked, lines, width, height }: Placed, density: number, palette: Palette): HTMLCanvasElement {
    const key = `${isBroader} ${isMarked} ${id} ${lines.length}`;
    const known = this.sprites.get(key);
    if (known) return known;
    const sprite = document.createElement("canvas");
    sprite.width = Math.ceil(width * density);
    sprite.height = Math.ceil(height * density);
    const context = sprite.getContext("2d")!;
    context.scale(density, density);
    context.beginPath();
    context.roundRect(0.5, 0.5, width - 1, height - 1, 3);
    context.fillStyle = css(palette.background, OPACITY);
    context.fill();
    context.strokeStyle = css(palette.faint);
    context.stroke();
    const left = MARGIN.x + (isMarked ? MARK.width : 0);
    if (isMarked) drawMark(context, id, palette, MARGIN.x + MARK.radius, MARGIN.y + LINE_HEIGHT / 2);
    context.font = font(isBroader, this.family);
    context.textBaseline = "middle";
    context.fillStyle = css(palette.ink);
    lines.forEach((line, i) => context.fillText(line, left, MARGIN.y + (i + 0.5) * LINE_HEIGHT));
    this.sprites.set(key, sprite);
    return sprite;
  }

  /** A name in lines, as few as can be and more; measured once. None: it does not go onto the map. */
  private textsOf(name: string, isBroader: boolean, isMarked: boolean): Text[] {
    const key = `${isBroader} ${isMarked} ${name}`;
    const known = this.texts.get(key);
    if (known) return known;
    this.measuring.font = font(isBroader, this.family);
    const measure = (line: string) => this.measuring.measureText(line).width;
    const made = wraps(name, LINE_WIDTH, measure).map((lines) => ({
      lines,
      width: Math.ceil(Math.max(...lines.map(measure))) + 2 * MARGIN.x + (isMarked ? MARK.width : 0),
      height: lines.length * LINE_HEIGHT + 2 * MARGIN.y,
    }));
    this.texts.set(key, made);
    return made;
  }

  /** The name at a place of the screen. */
  at(x: number, y: number): { id: number; isBroader: boolean } | undefined {
    return this.drawn.find((label) => isInBox(label, x, y));
  }

  /** What stands where, for who cannot see the map: tests. */
  described(): string {
    return JSON.stringify(
      this.drawn.map((label) => ({
        theme: label.id,
        isBroader: label.isBroader,
        lines: label.lines,
        box: [label.left, label.top, label.width, label.height],
        leader: leader(label),
      })),
    );
  }
}

const font = (isBroader: boolean, family: string): string => (isBroader ? `italic 600 14px ${family}` : `600 12.5px ${family}`);

/** The line from a theme to its name: from the edge of a passage's mark, or from a dot where marks are smaller than one. */
function drawLeader(context: CanvasRenderingContext2D, label: Placed, palette: Palette, radius: number): void {
  const line = leader(label);
  if (!line) return;
  const [x, y, toX, toY] = line;
  const colour = label.isMarked ? palette.marks[mark(label.id).hue] : palette.ink;
  const isDotted = radius < DOT;
  const begin = isDotted ? 0 : Math.min(1, (radius + 1) / Math.hypot(toX - x, toY - y));
  // Twice: in the background's colour around its own, so that it is seen between points too.
  for (const [width, style] of [[3.5, css(palette.background)], [1.25, css(colour)]] as const) {
    context.lineWidth = width;
    context.strokeStyle = context.fillStyle = style;
    context.beginPath();
    context.moveTo(x + begin * (toX - x), y + begin * (toY - y));
    context.lineTo(toX, toY);
    context.stroke();
    context.beginPath();
    if (isDotted) context.arc(x, y, DOT - 1.75 + width / 2, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawMark(context: CanvasRenderingContext2D, theme: number, palette: Palette, x: number, y: number): void {
  const { hue, shape } = mark(theme);
  const { radius } = MARK;
  context.fillStyle = css(palette.marks[hue]);
  context.beginPath();
  const outline = OUTLINES[shape];
  if (outline) outline.forEach(([right, down]) => context.lineTo(x + right * radius, y + down * radius));
  else context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/**
 * The passage in the thick of a theme: the median, and again that of the half nearest to it, until
 * few are left. The median alone falls between the two where a theme lies in two places.
 */
function middle(passages: number[], x: Float32Array, y: Float32Array): number {
  const step = Math.ceil(passages.length / SAMPLE);
  let near = passages.filter((_, i) => i % step === 0);
  for (;;) {
    const [atX, atY] = [median(near.map((i) => x[i])), median(near.map((i) => y[i]))];
    const away = near.map((i) => Math.hypot(x[i] - atX, y[i] - atY));
    const half = median(away);
    const nearer = near.filter((_, i) => away[i] < half);
    if (nearer.length < 4) return near[away.indexOf(Math.min(...away))];
    near = nearer;
  }
}

const median = (values: number[]): number => Float64Array.from(values).sort()[values.length >> 1];
