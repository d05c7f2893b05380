// Points as pixels. 100,000 shapes drawn one by one are too slow for a canvas; written as bytes into
// one image they are not. A stamp is a shape's pixels, made once for a size; drawing adds its
// coverage to the image at every point's pixel.

import { isInside, type Shape } from "./marks.ts";

/** Pixels around a point, with how much of each is covered, 1–255. */
export interface Stamp {
  dx: Int8Array;
  dy: Int8Array;
  coverage: Uint8Array;
  /** No pixel is farther away than this in either direction. */
  reach: number;
}

const SAMPLES = 5;

/** A stamp of what `covers` says of places around the point, in pixels. */
function stamp(reach: number, covers: (x: number, y: number) => boolean): Stamp {
  const dx: number[] = [];
  const dy: number[] = [];
  const coverage: number[] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      let hits = 0;
      for (let i = 0; i < SAMPLES; i++) {
        for (let j = 0; j < SAMPLES; j++) {
          hits += covers(x + (i + 0.5) / SAMPLES - 0.5, y + (j + 0.5) / SAMPLES - 0.5) ? 1 : 0;
        }
      }
      if (hits === 0) continue;
      dx.push(x);
      dy.push(y);
      coverage.push(Math.round((hits * 255) / SAMPLES ** 2));
    }
  }
  return { dx: Int8Array.from(dx), dy: Int8Array.from(dy), coverage: Uint8Array.from(coverage), reach };
}

export const shapeStamp = (shape: Shape, radius: number): Stamp =>
  stamp(Math.ceil(radius * 1.2), (x, y) => isInside(shape, x / radius, y / radius));

export const ringStamp = (radius: number, width: number): Stamp =>
  stamp(Math.ceil(radius + width), (x, y) => Math.abs(Math.hypot(x, y) - radius) <= width / 2);

/** A colour as red, green, blue, 0–255. */
export type Colour = readonly [number, number, number];

/** As a pixel of an image. */
export const packed = ([red, green, blue]: Colour): number => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/** An image to draw points into; opaque. */
export class Raster {
  readonly image: ImageData;
  private readonly pixels: Uint32Array;

  constructor(readonly width: number, readonly height: number) {
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  fill(colour: Colour): void {
    this.pixels.fill(packed(colour));
  }

  /** A stamp with its point at pixel (x, y), blended with what is there. */
  draw({ dx, dy, coverage, reach }: Stamp, x: number, y: number, colour: number): void {
    const { pixels, width, height } = this;
    if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) return;
    const isWhole = x >= reach && y >= reach && x < width - reach && y < height - reach;
    const origin = y * width + x;
    const redBlue = colour & 0xff00ff;
    const green = colour & 0xff00;
    for (let i = 0; i < coverage.length; i++) {
      if (!isWhole) {
        const column = x + dx[i];
        const row = y + dy[i];
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
      }
      const at = origin + dy[i] * width + dx[i];
      const alpha = coverage[i];
      if (alpha > 250) {
        pixels[at] = colour;
        continue;
      }
      const below = pixels[at];
      const rb = below & 0xff00ff;
      const g = below & 0xff00;
      pixels[at] =
        (0xff000000 |
          ((rb + (Math.imul(redBlue - rb, alpha) >> 8)) & 0xff00ff) |
          ((g + (Math.imul(green - g, alpha) >> 8)) & 0xff00)) >>>
        0;
    }
  }

  /** A square of pixels, without looking at what is there: what drawing in motion makes do with. */
  dot(x: number, y: number, size: number, colour: number): void {
    const { pixels, width, height } = this;
    if (x < 0 || y < 0 || x + size > width || y + size > height) return;
    for (let row = 0, at = y * width + x; row < size; row++, at += width) {
      for (let column = 0; column < size; column++) pixels[at + column] = colour;
    }
  }
}
