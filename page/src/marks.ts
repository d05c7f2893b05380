// Colours and shapes by which themes and sources are told apart. Neighbours in number differ in
// both, so that nothing hangs on colour alone; 30 pairs of them come before one is used again.

export type Shape = "circle" | "square" | "triangle" | "diamond" | "cross" | "wedge";
const SHAPES: readonly Shape[] = ["circle", "square", "triangle", "diamond", "cross", "wedge"];

/** As `--mark-0` … in the style, each at least 3 : 1 against the page. */
export const N_HUES = 10;

export interface Mark {
  hue: number;
  shape: Shape;
}

export const mark = (n: number): Mark => ({
  hue: n % N_HUES,
  shape: SHAPES[(n + Math.floor(n / 30)) % SHAPES.length],
});

/** In a square from −1 to 1, y downwards; circle: null. All have about the circle's weight. */
export const OUTLINES: Record<Shape, [number, number][] | null> = {
  circle: null,
  square: [[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]],
  triangle: [[0, -1.15], [1.15, 0.85], [-1.15, 0.85]],
  wedge: [[0, 1.15], [1.15, -0.85], [-1.15, -0.85]],
  diamond: [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
  cross: [
    [-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4],
    [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4],
  ],
};

/** How much of the point at (x, y), in units of the mark, is inside it: 1 or 0. */
export function isInside(shape: Shape, x: number, y: number): boolean {
  const outline = OUTLINES[shape];
  if (!outline) return x * x + y * y <= 1;
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [xi, yi] = outline[i];
    const [xj, yj] = outline[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
