// The map's colours, as the style has them; a canvas cannot take them from there itself.

import { N_HUES } from "./marks.ts";
import type { Colour } from "./raster.ts";

export interface Palette {
  background: Colour;
  ink: Colour;
  muted: Colour;
  faint: Colour;
  marks: Colour[];
}

/** Of light, dark or paper, whichever holds. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): Colour => {
    const hex = Number.parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return [(hex >> 16) & 255, (hex >> 8) & 255, hex & 255];
  };
  return {
    background: colour("--map"),
    ink: colour("--ink"),
    muted: colour("--mark-none"),
    faint: colour("--mark-faint"),
    marks: Array.from({ length: N_HUES }, (_, hue) => colour(`--mark-${hue}`)),
  };
}

export const css = ([red, green, blue]: Colour, opacity = 1): string => `rgb(${red} ${green} ${blue} / ${opacity})`;
