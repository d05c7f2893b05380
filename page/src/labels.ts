// Where the names of themes stand on the map: largest first, each at the place near its theme that
// covers no other name and few points; one that finds none is left out until the map is magnified.

export interface Label {
  id: number;
  isBroader: boolean;
  lines: string[];
  width: number;
  height: number;
  /** Where it should stand, in pixels: the middle of its theme. */
  x: number;
  y: number;
}

/** A label with the corner of its box. */
export interface Placed extends Label {
  left: number;
  top: number;
}

const GAP = 4;

/** `most`: labels at most. `covered`: about how many points are under a box. */
export function place(
  labels: Label[],
  most: number,
  width: number,
  height: number,
  covered: (left: number, top: number, width: number, height: number) => number,
): Placed[] {
  const placed: Placed[] = [];
  for (const label of labels) {
    if (placed.length === most) break;
    if (label.x < 0 || label.y < 0 || label.x > width || label.y > height) continue;
    let best: Placed | undefined;
    let least = Infinity;
    for (const [right, down] of PLACES) {
      const left = clamp(label.x - label.width / 2 + right, GAP, width - label.width - GAP);
      const top = clamp(label.y - label.height / 2 + down, GAP, height - label.height - GAP);
      const candidate = { ...label, left, top };
      if (!placed.every((other) => isApart(candidate, other))) continue;
      // A few points are worth going out of the way for; among many, a name cannot but cover some.
      const under = covered(left, top, label.width, label.height);
      const cost = (5 * under) / (under + 5) + Math.hypot(right / 2, down) / 24;
      if (cost < least) {
        least = cost;
        best = candidate;
      }
    }
    if (best) placed.push(best);
  }
  return placed;
}

/** In pixels from the middle of the theme: on it, then around it. */
const PLACES: [number, number][] = [
  [0, 0],
  ...[18, 32, 48, 66].flatMap((down): [number, number][] =>
    [0, -45, 45].flatMap((right): [number, number][] => [[right, -down], [right, down]]),
  ),
  ...[55, 90].flatMap((right): [number, number][] => [[right, 0], [-right, 0]]),
];

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most));

const isApart = (a: Placed, b: Placed): boolean =>
  a.left + a.width + GAP <= b.left ||
  b.left + b.width + GAP <= a.left ||
  a.top + a.height + GAP <= b.top ||
  b.top + b.height + GAP <= a.top;

/** A theme's label in at most two lines: its keywords as far as they go into `most` pixels a line. */
export function lines(label: string, most: number, measure: (text: string) => number): string[] {
  const out: string[] = [];
  for (const word of label.split(" · ")) {
    const last = out.at(-1);
    const longer = last === undefined ? word : `${last} · ${word}`;
    if (last !== undefined && measure(longer) <= most) out[out.length - 1] = longer;
    else if (out.length < 2) out.push(cut(word, most, measure));
    else break;
  }
  return out;
}

function cut(word: string, most: number, measure: (text: string) => number): string {
  const characters = [...word.slice(0, 100)];
  if (word.length <= 100 && measure(word) <= most) return word;
  while (characters.length > 1 && measure(`${characters.join("")}…`) > most) characters.pop();
  return `${characters.join("")}…`;
}
