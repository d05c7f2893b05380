// What the map shows first. A few passages far from all others would leave these a corner of it:
// then they lie outside of the first view, and all else fills it. Few and far are both needed, so
// that an island of many passages is never left out.

export interface Frame {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Few: at most this share of the passages, at either end of a direction. */
const FEW = 0.02;
/** Far: beyond the others by this share of the width that they take. */
const FAR = 0.25;
/** For less magnification than this nothing is left outside. */
const WORTHWHILE = 1.25;

export function firstFrame(x: Float32Array, y: Float32Array): Frame {
  const across = fence(x);
  const along = fence(y);
  const isNear = (i: number) => x[i] >= across[0] && x[i] <= across[1] && y[i] >= along[0] && y[i] <= along[1];
  const near = Array.from(x.keys()).filter(isNear);
  const [left, right] = worthwhile(near.map((i) => x[i]), x);
  const [top, bottom] = worthwhile(near.map((i) => y[i]), y);
  return { left, top, right, bottom };
}

/** The least and the most that are not far off. */
function fence(values: Float32Array): [number, number] {
  const sorted = values.slice().sort();
  const few = Math.floor(sorted.length * FEW);
  const [first, last] = [sorted[few], sorted[sorted.length - 1 - few]];
  const far = (last - first) * FAR;
  return [first - far, last + far];
}

function worthwhile(near: number[], all: Float32Array): [number, number] {
  const [first, last] = span(near);
  const [least, most] = span(all);
  return (last - first) * WORTHWHILE <= most - least ? [first, last] : [least, most];
}

export function span(values: Iterable<number>): [number, number] {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}
