// The map's drawing: points as pixels below, names and rings as lines above. It knows where things
// are on the screen; what is chosen, it is told. While the map moves and drawing all of it takes
// longer than a frame can, it is drawn coarsely, and finely again as soon as it rests.

import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent, type ZoomBehavior, type ZoomTransform } from "d3-zoom";
import { firstFrame, span, type Frame } from "./frame.ts";
import { Grid } from "./grid.ts";
import { mark, N_HUES, OUTLINES, type Shape } from "./marks.ts";
import { Names, type Projection } from "./names.ts";
import { css, readPalette, type Palette } from "./palette.ts";
import { packed, Raster, ringStamp, shapeStamp, type Stamp } from "./raster.ts";
import type { Report } from "./report.ts";
import type { View } from "./view.ts";

/** What the map shows of the report. */
export interface Shown {
  passages: Uint8Array;
  nPassages: number;
  colour: View["colour"];
  rings: boolean;
  /** The passage that is chosen, and the members of the group that is open. */
  passage: number | null;
  members: number[];
}

export interface Told {
  /** Passages under the pointer or the cross, nearest first, and where on the screen. */
  hover(passages: number[], x: number, y: number): void;
  choosePassage(passage: number): void;
  chooseTheme(theme: number, isBroader: boolean): void;
  moved(map: View["map"]): void;
  /** How many of the chosen passages lie outside of the first view. */
  outside(passages: number): void;
}

const PADDING = 56;
const MOST_ZOOM = 64;
/** Milliseconds that drawing may take in a frame while the map moves. */
const FRAME = 6;
/** From this magnification on themes are named, and broader themes no more. */
const NEAR = 2.5;
/** Chosen passages in sight up to which rings can be told apart. */
const MOST_RINGED = 1500;

/** How a point is drawn: its stamp, the same in background colour and larger behind it, its colour. */
interface Look {
  stamp: Stamp;
  halo: Stamp | null;
  colour: number;
}

export class Plot {
  private readonly points: CanvasRenderingContext2D;
  private readonly lines: CanvasRenderingContext2D;
  private readonly behaviour: ZoomBehavior<HTMLCanvasElement, unknown>;
  private readonly grid: Grid;
  /** By passage, in shares of the larger side of the map; y downwards. */
  private readonly x: Float32Array;
  private readonly y: Float32Array;
  private readonly extent: [number, number];
  /** What is in sight at magnification 1. */
  private readonly frame: Frame;
  private readonly names: Names;
  private shown: Shown;
  private palette!: Palette;
  private raster = new Raster(1, 1);
  private coarse = new Raster(1, 1);
  private readonly scratch = document.createElement("canvas");
  private transform: ZoomTransform = zoomIdentity;
  private width = 0;
  private height = 0;
  private density = 1;
  private hovered: number[] = [];
  private isCrossShown = false;
  private drawing = 0;
  /** Whether the points are to be drawn again, and not only what lies above them. */
  private arePointsOld = true;
  private areNamesOld = true;
  private isMoving = false;
  private isSilent = false;
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private fineCost = 0;
  private looksKey = "";
  private looks: Look[] = [];
  /** Of passages that fit in no theme. */
  private none!: Look;
  /** Of passages that are not chosen. */
  private dim!: Look;
  private ring!: Stamp;

  constructor(
    private readonly below: HTMLCanvasElement,
    private readonly above: HTMLCanvasElement,
    private readonly report: Report,
    shown: Shown,
    private readonly told: Told,
  ) {
    this.points = below.getContext("2d", { alpha: false })!;
    this.lines = above.getContext("2d")!;
    this.shown = shown;
    [this.x, this.y, this.extent] = unitPlaces(report.x!, report.y!);
    this.grid = new Grid(this.x, this.y, 1.0001);
    this.frame = firstFrame(this.x, this.y);
    this.names = new Names(report, this.x, this.y);
    this.readPalette();
    this.show(shown);

    this.behaviour = zoom<HTMLCanvasElement, unknown>()
      .clickDistance(4)
      .filter((event: Event) => this.isForMap(event))
      .on("zoom", (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => this.follow(event.transform))
      .on("end", () => {
        if (!this.isSilent) this.told.moved(this.centre());
      });
    select(above).call(this.behaviour).on("dblclick.zoom", null);
    above.addEventListener("pointermove", (event) => {
      if (event.buttons === 0) this.pointAt(event.offsetX, event.offsetY, event.pointerType === "touch" ? 20 : 9);
    });
    above.addEventListener("pointerleave", () => this.setHovered([], 0, 0));
    above.addEventListener("click", (event) => this.click(event.offsetX, event.offsetY));
  }

  /** The page scrolls with the wheel and one finger, unless the map has been taken hold of. */
  private isForMap(event: Event): boolean {
    if (event.type === "wheel") {
      return (event as WheelEvent).ctrlKey || (event as WheelEvent).metaKey || document.activeElement === this.above;
    }
    if (event.type === "touchstart") return (event as TouchEvent).touches.length > 1 || this.transform.k > 1;
    return (event as MouseEvent).button === 0;
  }

  destroy(): void {
    cancelAnimationFrame(this.drawing);
    clearTimeout(this.restTimer);
    select(this.above).on(".zoom", null);
  }

  show(shown: Shown): void {
    const isRecoloured = shown.colour !== this.shown.colour;
    this.shown = shown;
    if (isRecoloured) this.forgetLooks();
    if (this.hovered.length > 0 && !this.hovered.every((i) => shown.passages[i])) this.setHovered([], 0, 0);
    this.areNamesOld = true;
    this.told.outside(this.outside());
    this.request();
  }

  /** Colours anew, after light and dark have changed. */
  readPalette(): void {
    this.palette = readPalette();
    this.forgetLooks();
    this.request();
  }

  private forgetLooks(): void {
    this.looksKey = "";
    this.names.forgetSprites();
  }

  resize(width: number, height: number, density: number): void {
    if (width === this.width && height === this.height && density === this.density) return;
    const centre = this.width > 0 ? this.centre() : null;
    [this.width, this.height, this.density] = [width, height, density];
    this.names.forgetSprites();
    this.areNamesOld = true;
    for (const canvas of [this.below, this.above]) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    this.raster = new Raster(this.below.width, this.below.height);
    this.coarse = density > 1 ? new Raster(Math.round(width), Math.round(height)) : this.raster;
    this.behaviour.extent([[0, 0], [width, height]]).translateExtent(this.world()).scaleExtent([this.leastZoom(), MOST_ZOOM]);
    this.look(centre);
    this.told.outside(this.outside());
    this.request();
  }

  /** Shows a part of the map, or with null the first view. */
  look(map: View["map"]): void {
    this.isSilent = true;
    this.go(map);
    this.isSilent = false;
  }

  private go(map: View["map"]): void {
    let transform = zoomIdentity;
    if (map) {
      const [wanted, x, y] = map;
      const k = Math.max(this.leastZoom(), Math.min(MOST_ZOOM, wanted));
      const { base, left, top } = this.fit();
      transform = zoomIdentity
        .translate(this.width / 2, this.height / 2)
        .scale(k)
        .translate(-(x * base + left), -(y * base + top));
    }
    // A link may say what no reader could reach.
    const within = this.behaviour.constrain()(transform, [[0, 0], [this.width, this.height]], this.world());
    select(this.above).call(this.behaviour.transform, within);
  }

  /** The same, of a view that came from elsewhere: not if it is what is in sight already. */
  follows(map: View["map"]): void {
    if (this.width === 0) return;
    const rounded = (at: View["map"]) => at?.map((n) => n.toFixed(4)).join(" ");
    if (rounded(map) !== rounded(this.centre())) this.look(map);
  }

  zoomBy(factor: number): void {
    select(this.above).call(this.behaviour.scaleBy, factor);
  }

  panBy(right: number, down: number): void {
    const { k } = this.transform;
    select(this.above).call(this.behaviour.translateBy, (-right * this.width) / k, (-down * this.height) / k);
  }

  /** Back to the first view. */
  reset(): void {
    this.go(null);
  }

  /** All of the map, also what lies outside of the first view. */
  showAll(): void {
    this.go([this.leastZoom(), this.extent[0] / 2, this.extent[1] / 2]);
  }

  /** A cross in the middle, for who moves the map by keys; what is under it is as if pointed at. */
  showCross(isShown: boolean): void {
    this.isCrossShown = isShown;
    if (isShown) this.hoverAt(this.width / 2, this.height / 2, 24);
    else this.setHovered([], 0, 0);
    this.request("lines");
  }

  /** What is under the cross, chosen. */
  chooseUnderCross(): void {
    if (this.hovered.length > 0) this.told.choosePassage(this.hovered[0]);
  }

  /** Where places are at magnification 1, when nothing has been moved: place × base + (left, top). */
  private fit(): { base: number; left: number; top: number } {
    const { left, top, right, bottom } = this.frame;
    const padding = this.padding();
    const base = Math.min(
      (this.width - 2 * padding) / Math.max(right - left, 1e-3),
      (this.height - 2 * padding) / Math.max(bottom - top, 1e-3),
    );
    return { base, left: (this.width - (right + left) * base) / 2, top: (this.height - (bottom + top) * base) / 2 };
  }

  private padding(): number {
    return Math.min(PADDING, this.width / 10);
  }

  /** How far the map goes at magnification 1: what is in sight then, and all points. */
  private world(): [[number, number], [number, number]] {
    const { base, left, top } = this.fit();
    const padding = this.padding();
    return [
      [Math.min(0, left - padding), Math.min(0, top - padding)],
      [Math.max(this.width, this.extent[0] * base + left + padding), Math.max(this.height, this.extent[1] * base + top + padding)],
    ];
  }

  /** That at which all of the map is in sight. */
  private leastZoom(): number {
    const [[left, top], [right, bottom]] = this.world();
    return Math.min(this.width / (right - left), this.height / (bottom - top));
  }

  /** Of the chosen passages, how many lie outside of the first view. */
  private outside(): number {
    if (this.width === 0) return 0;
    const { base, left, top } = this.fit();
    return this.shown.nPassages - this.inSight({ scale: base, right: left, down: top });
  }

  /** Of the chosen passages, how many are on the screen. */
  private inSight({ scale, right, down }: Projection): number {
    let n = 0;
    for (let i = 0; i < this.x.length; i++) {
      if (!this.shown.passages[i]) continue;
      const x = this.x[i] * scale + right;
      const y = this.y[i] * scale + down;
      if (x >= 0 && y >= 0 && x < this.width && y < this.height) n++;
    }
    return n;
  }

  private areRinged(): boolean {
    return this.shown.rings && this.inSight(this.projection()) <= MOST_RINGED;
  }

  private projection(): Projection {
    const { base, left, top } = this.fit();
    const { k, x, y } = this.transform;
    return { scale: k * base, right: k * left + x, down: k * top + y };
  }

  /** The part of the map in sight; null for the first view. */
  private centre(): View["map"] {
    const { k, x, y } = this.transform;
    if (Math.abs(k - 1) < 1e-4 && Math.hypot(x, y) < 0.5) return null;
    const { scale, right, down } = this.projection();
    return [k, (this.width / 2 - right) / scale, (this.height / 2 - down) / scale];
  }

  private follow(transform: ZoomTransform): void {
    this.transform = transform;
    this.above.style.touchAction = transform.k > 1 ? "none" : "pan-y";
    this.isMoving = true;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => {
      this.isMoving = false;
      this.areNamesOld = true;
      this.request();
      if (this.isCrossShown) this.hoverAt(this.width / 2, this.height / 2, 24);
    }, 120);
    this.setHovered([], 0, 0);
    this.request();
  }

  private pointAt(x: number, y: number, radius: number): void {
    if (this.names.at(x, y)) {
      this.above.style.cursor = "pointer";
      this.setHovered([], 0, 0);
    } else this.hoverAt(x, y, radius);
  }

  private hoverAt(x: number, y: number, radius: number): void {
    const { scale, right, down } = this.projection();
    const at = [(x - right) / scale, (y - down) / scale] as const;
    const near = this.grid.within(at[0], at[1], radius / scale, (i) => this.shown.passages[i] === 1);
    // Those at the very place of the nearest are told with it.
    const together = near.filter((i) => Math.hypot(this.x[i] - this.x[near[0]], this.y[i] - this.y[near[0]]) * scale < 1.5);
    this.above.style.cursor = near.length > 0 ? "pointer" : "grab";
    this.setHovered(
      together,
      near.length > 0 ? this.x[near[0]] * scale + right : 0,
      near.length > 0 ? this.y[near[0]] * scale + down : 0,
    );
  }

  private setHovered(passages: number[], x: number, y: number): void {
    if (passages.length === this.hovered.length && passages[0] === this.hovered[0]) return;
    this.hovered = passages;
    this.told.hover(passages, x, y);
    this.request("lines");
  }

  private click(x: number, y: number): void {
    const name = this.names.at(x, y);
    if (name) {
      this.told.chooseTheme(name.id, name.isBroader);
      return;
    }
    this.hoverAt(x, y, 12);
    if (this.hovered.length > 0) this.told.choosePassage(this.hovered[0]);
  }

  private request(what: "all" | "lines" = "all"): void {
    if (what === "all") this.arePointsOld = true;
    if (this.drawing === 0) {
      this.drawing = requestAnimationFrame(() => {
        this.drawing = 0;
        this.draw();
      });
    }
  }

  /** At once and all as lines: paper takes these over sharp, and bytes put into a canvas not at all. */
  drawForPaper(): void {
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    this.drawLines(true);
    this.arePointsOld = true;
  }

  private draw(): void {
    if (this.width === 0 || this.height === 0) return;
    const isCoarse = this.isMoving && this.fineCost > FRAME;
    if (this.arePointsOld && isCoarse) this.drawCoarsely();
    else if (this.arePointsOld) {
      const began = performance.now();
      this.drawFinely();
      this.fineCost = performance.now() - began;
    }
    this.arePointsOld = false;
    this.drawLines();
    const { below } = this;
    below.dataset.shown = String(this.shown.nPassages);
    below.dataset.points = String(this.x.length);
    below.dataset.zoom = this.transform.k.toFixed(2);
    below.dataset.drawn = isCoarse ? "coarse" : "fine";
    if (!this.isMoving) below.dataset.names = this.names.described();
  }

  /** In CSS pixels. */
  private radius(): number {
    const n = this.x.length;
    const whole = n <= 300 ? 5 : n <= 3000 ? 3.8 : n <= 20_000 ? 2.5 : 1.6;
    return Math.min(7, whole * this.transform.k ** 0.4);
  }

  private markOf(passage: number): number {
    const { themeOf, sourceOf, sources } = this.report;
    return this.shown.colour === "theme" ? themeOf[passage] : sources[sourceOf[passage]].rank;
  }

  private prepareLooks(): void {
    const radius = Math.round(this.radius() * this.density * 4) / 4;
    const key = `${radius} ${this.shown.colour}`;
    if (key === this.looksKey) return;
    this.looksKey = key;
    const { palette, report, density } = this;
    const hasHalos = this.x.length <= 5000;
    const stamps = new Map<Shape, { stamp: Stamp; halo: Stamp | null }>();
    const stampsOf = (shape: Shape) => {
      const known = stamps.get(shape);
      if (known) return known;
      const made = {
        stamp: shapeStamp(shape, radius),
        halo: hasHalos ? shapeStamp(shape, radius + density) : null,
      };
      stamps.set(shape, made);
      return made;
    };
    const n = this.shown.colour === "theme" ? Math.max(0, ...(report.themes ?? []).map((theme) => theme.cluster_id + 1)) : report.sources.length;
    this.looks = Array.from({ length: n }, (_, i) => {
      const { hue, shape } = mark(i);
      return { ...stampsOf(shape), colour: packed(palette.marks[hue]) };
    });
    this.none = {
      stamp: ringStamp(Math.max(1, radius * 0.65), Math.max(1, radius * 0.4)),
      halo: null,
      colour: packed(palette.muted),
    };
    this.dim = { stamp: shapeStamp("circle", Math.max(0.8, radius * 0.55)), halo: null, colour: packed(palette.faint) };
    this.ring = ringStamp(radius + 2.2 * density, density);
  }

  private drawFinely(): void {
    this.prepareLooks();
    const { raster, x, y, density, report } = this;
    const { passages, nPassages } = this.shown;
    const n = x.length;
    let { scale, right, down } = this.projection();
    scale *= density;
    right *= density;
    down *= density;
    const background = packed(this.palette.background);
    const ink = packed(this.palette.ink);
    raster.fill(this.palette.background);
    if (nPassages < n) {
      for (let i = 0; i < n; i++) {
        if (!passages[i]) raster.draw(this.dim.stamp, Math.round(x[i] * scale + right), Math.round(y[i] * scale + down), this.dim.colour);
      }
    }
    // Below the points; on a crowded map they would hide what is next to them, and come as it is magnified.
    if (this.areRinged()) {
      for (let i = 0; i < n; i++) {
        if (passages[i] && report.groupOf[i] >= 0) {
          raster.draw(this.ring, Math.round(x[i] * scale + right), Math.round(y[i] * scale + down), ink);
        }
      }
    }
    for (let i = 0; i < n; i++) {
      if (!passages[i]) continue;
      const of = this.markOf(i);
      const { stamp, halo, colour } = of < 0 ? this.none : (this.looks[of] ?? this.dim);
      const column = Math.round(x[i] * scale + right);
      const row = Math.round(y[i] * scale + down);
      if (halo) raster.draw(halo, column, row, background);
      raster.draw(stamp, column, row, colour);
    }
    this.points.putImageData(raster.image, 0, 0);
  }

  private drawCoarsely(): void {
    const { coarse, x, y, palette } = this;
    const { passages } = this.shown;
    const { scale, right, down } = this.projection();
    const size = Math.max(2, Math.min(6, Math.round(this.radius() * 1.6)));
    const corner = size / 2 - 0.5;
    const n = x.length;
    const faint = packed(palette.faint);
    const colours = palette.marks.map(packed);
    const muted = packed(palette.muted);
    coarse.fill(palette.background);
    for (const isShown of this.shown.nPassages < n ? [0, 1] : [1]) {
      for (let i = 0; i < n; i++) {
        if (passages[i] !== isShown) continue;
        const of = this.markOf(i);
        const colour = isShown ? (of < 0 ? muted : colours[of % N_HUES]) : faint;
        coarse.dot(Math.round(x[i] * scale + right - corner), Math.round(y[i] * scale + down - corner), size, colour);
      }
    }
    if (coarse === this.raster) {
      this.points.putImageData(coarse.image, 0, 0);
      return;
    }
    const { scratch } = this;
    if (scratch.width !== coarse.width || scratch.height !== coarse.height) {
      scratch.width = coarse.width;
      scratch.height = coarse.height;
    }
    scratch.getContext("2d", { alpha: false })!.putImageData(coarse.image, 0, 0);
    this.points.imageSmoothingEnabled = false;
    this.points.drawImage(scratch, 0, 0, this.below.width, this.below.height);
  }

  private drawLines(isForPaper = false): void {
    const { lines: context, density, palette, shown } = this;
    const { scale, right, down } = this.projection();
    const at = (i: number): [number, number] => [this.x[i] * scale + right, this.y[i] * scale + down];
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (isForPaper) this.drawPointsAsLines(at);

    // The open group: its members joined to the first and ringed.
    const radius = this.radius();
    context.strokeStyle = css(palette.ink);
    if (shown.members.length > 0) {
      context.lineWidth = 1;
      context.setLineDash([3, 3]);
      for (const member of shown.members.slice(1, 500)) {
        context.beginPath();
        context.moveTo(...at(shown.members[0]));
        context.lineTo(...at(member));
        context.stroke();
      }
      context.setLineDash([]);
      context.lineWidth = 2;
      for (const member of shown.members.slice(0, 500)) this.circle(...at(member), radius + 4);
    }
    if (this.hovered.length > 0) {
      context.lineWidth = 2;
      this.circle(...at(this.hovered[0]), radius + 3);
    }
    if (shown.passage !== null) {
      const [x, y] = at(shown.passage);
      context.lineWidth = 5;
      context.strokeStyle = css(palette.background);
      this.circle(x, y, radius + 6);
      context.lineWidth = 2.5;
      context.strokeStyle = css(palette.ink);
      this.circle(x, y, radius + 6);
      this.circle(x, y, radius + 1);
    }
    this.drawNames();
    if (this.isCrossShown) {
      const [x, y] = [this.width / 2, this.height / 2];
      context.lineWidth = 1.5;
      context.strokeStyle = css(palette.ink);
      context.beginPath();
      context.moveTo(x - 12, y);
      context.lineTo(x - 4, y);
      context.moveTo(x + 4, y);
      context.lineTo(x + 12, y);
      context.moveTo(x, y - 12);
      context.lineTo(x, y - 4);
      context.moveTo(x, y + 4);
      context.lineTo(x, y + 12);
      context.stroke();
    }
  }

  private drawPointsAsLines(at: (i: number) => [number, number]): void {
    const { lines: context, palette, shown } = this;
    const radius = this.radius();
    const areRinged = this.areRinged();
    for (const isShown of [0, 1]) {
      for (let i = 0; i < this.x.length; i++) {
        if (shown.passages[i] !== isShown) continue;
        const [x, y] = at(i);
        if (x < 0 || y < 0 || x > this.width || y > this.height) continue;
        const of = this.markOf(i);
        const { hue, shape } = mark(Math.max(0, of));
        const outline = isShown && of >= 0 ? OUTLINES[shape] : null;
        const size = isShown && of >= 0 ? radius : radius * 0.55;
        context.beginPath();
        if (outline) outline.forEach(([right, down]) => context.lineTo(x + right * size, y + down * size));
        else context.arc(x, y, size, 0, 2 * Math.PI);
        context.closePath();
        context.lineWidth = 1;
        context.strokeStyle = context.fillStyle = css(!isShown ? palette.faint : of < 0 ? palette.muted : palette.marks[hue]);
        if (isShown && of < 0) context.stroke();
        else context.fill();
        if (isShown && areRinged && this.report.groupOf[i] >= 0) {
          context.strokeStyle = css(palette.ink);
          this.circle(x, y, radius + 2.2);
        }
      }
    }
  }

  private circle(x: number, y: number, radius: number): void {
    this.lines.beginPath();
    this.lines.arc(x, y, radius, 0, 2 * Math.PI);
    this.lines.stroke();
  }

  /** Where names stand is found once the map rests. */
  private drawNames(): void {
    const { shown, width, height } = this;
    const radius = this.radius();
    if (this.areNamesOld && !this.isMoving) {
      const wanted = { passages: shown.passages, areBroaderNamed: this.transform.k < NEAR, areMarked: shown.colour === "theme" };
      this.names.place(wanted, this.projection(), { width, height }, radius);
      this.areNamesOld = false;
    }
    this.names.draw(this.lines, this.density, this.palette, this.projection(), { width, height }, radius);
  }
}

/** Places in shares of the larger side, y downwards, from the corner of what is used of the map. */
function unitPlaces(x: Float32Array, y: Float32Array): [Float32Array, Float32Array, [number, number]] {
  const [left, right] = span(x);
  const [bottom, top] = span(y);
  const side = Math.max(right - left, top - bottom) || 1;
  return [
    x.map((at) => (at - left) / side),
    y.map((at) => (top - at) / side),
    [(right - left) / side, (top - bottom) / side],
  ];
}
