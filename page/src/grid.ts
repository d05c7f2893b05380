// Which point is nearest to the pointer: points sorted into the cells of a grid, so that only those
// around it are looked at.

const CELLS = 256;

export class Grid {
  private readonly begins = new Int32Array(CELLS * CELLS + 1);
  private readonly points: Int32Array;

  /** `x`, `y`: within `[0, extent)`. */
  constructor(private readonly x: Float32Array, private readonly y: Float32Array, private readonly extent: number) {
    const n = x.length;
    this.points = new Int32Array(n);
    for (let i = 0; i < n; i++) this.begins[this.cell(x[i], y[i]) + 1]++;
    for (let cell = 0; cell < CELLS * CELLS; cell++) this.begins[cell + 1] += this.begins[cell];
    const next = this.begins.slice();
    for (let i = 0; i < n; i++) this.points[next[this.cell(x[i], y[i])]++] = i;
  }

  private column(at: number): number {
    return Math.max(0, Math.min(CELLS - 1, Math.floor((at / this.extent) * CELLS)));
  }

  private cell(x: number, y: number): number {
    return this.column(y) * CELLS + this.column(x);
  }

  /** All points within `radius` of a place for which `is` holds, nearest first. */
  within(x: number, y: number, radius: number, is: (point: number) => boolean): number[] {
    const found: { point: number; distance: number }[] = [];
    for (let row = this.column(y - radius); row <= this.column(y + radius); row++) {
      const first = this.begins[row * CELLS + this.column(x - radius)];
      const last = this.begins[row * CELLS + this.column(x + radius) + 1];
      for (let at = first; at < last; at++) {
        const point = this.points[at];
        const distance = Math.hypot(this.x[point] - x, this.y[point] - y);
        if (distance <= radius && is(point)) found.push({ point, distance });
      }
    }
    return found.sort((a, b) => a.distance - b.distance || a.point - b.point).map(({ point }) => point);
  }
}
