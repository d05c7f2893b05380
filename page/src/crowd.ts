// How much of any part of the map points take up, and whose these are, without looking at them again:
// the map in squares, and for each corner the sum of all that lies left of and above it.

/** From x, y to x, y, in pixels. */
export type Line = [number, number, number, number];

/** Side of a square, in pixels. */
const SIDE = 4;

export class Crowd {
  private readonly columns: number;
  private readonly rows: number;
  private readonly weights: Uint8Array;
  /** The theme of what stands in a square; −1 for passages of none. */
  private readonly themes: Int32Array;
  private readonly sums: Int32Array;

  /** Of a map so wide and high, in pixels. */
  constructor(width: number, height: number) {
    this.columns = Math.ceil(width / SIDE);
    this.rows = Math.ceil(height / SIDE);
    this.weights = new Uint8Array(this.columns * this.rows);
    this.themes = new Int32Array(this.columns * this.rows);
    this.sums = new Int32Array((this.columns + 1) * (this.rows + 1));
  }

  /** Something of a theme stands at (x, y) and `radius` around it; of two in a square the weightier counts, or the later. */
  add(theme: number, x: number, y: number, radius: number, weight = 1): void {
    const { columns, rows, weights, themes } = this;
    const first = Math.max(0, Math.floor((x - radius) / SIDE));
    const last = Math.min(columns - 1, Math.floor((x + radius) / SIDE));
    const bottom = Math.min(rows - 1, Math.floor((y + radius) / SIDE));
    for (let row = Math.max(0, Math.floor((y - radius) / SIDE)); row <= bottom; row++) {
      for (let at = row * columns + first; at <= row * columns + last; at++) {
        if (weights[at] > weight) continue;
        weights[at] = weight;
        themes[at] = theme;
      }
    }
  }

  /** After the last `add`. */
  sum(): void {
    const { columns, rows, weights, sums } = this;
    const wide = columns + 1;
    for (let row = 0; row < rows; row++) {
      let inRow = 0;
      for (let column = 0; column < columns; column++) {
        inRow += weights[row * columns + column];
        sums[(row + 1) * wide + column + 1] = sums[row * wide + column + 1] + inRow;
      }
    }
  }

  /** The share of a box, which lies within the map, that is taken: 1 where all of it has weight 1. */
  share(left: number, top: number, width: number, height: number): number {
    const wide = this.columns + 1;
    const [first, last] = [Math.floor(left / SIDE), Math.ceil((left + width) / SIDE)];
    const [above, below] = [Math.floor(top / SIDE) * wide, Math.ceil((top + height) / SIDE) * wide];
    const { sums } = this;
    const taken = sums[below + last] - sums[below + first] - sums[above + last] + sums[above + first];
    return (taken * SIDE * SIDE) / (width * height);
  }

  /** Whether things of other themes than these stand in more than a share of a box, which lies within the map. */
  hasOthers(themes: Set<number>, share: number, left: number, top: number, width: number, height: number): boolean {
    const [first, last] = [Math.floor(left / SIDE), Math.ceil((left + width) / SIDE)];
    const bottom = Math.ceil((top + height) / SIDE);
    let others = (share * width * height) / SIDE ** 2;
    for (let row = Math.floor(top / SIDE); row < bottom; row++) {
      for (let column = first; column < last; column++) if (this.isOfOther(themes, column, row) && --others < 0) return true;
    }
    return false;
  }

  /** The length of a line, which lies within the map, that goes over something of other themes than these. */
  wayOverOthers(themes: Set<number>, [x, y, toX, toY]: Line): number {
    const length = Math.hypot(toX - x, toY - y);
    const steps = Math.ceil(length / SIDE);
    let n = 0;
    for (let i = 0; i < steps; i++) {
      const [column, row] = [x + ((toX - x) * i) / steps, y + ((toY - y) * i) / steps].map((at) => Math.floor(at / SIDE));
      if (this.isOfOther(themes, column, row)) n++;
    }
    return n * SIDE;
  }

  private isOfOther(themes: Set<number>, column: number, row: number): boolean {
    const at = row * this.columns + column;
    return this.weights[at] > 0 && !themes.has(this.themes[at]);
  }
}
