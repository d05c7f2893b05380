// The words in which two texts differ, for marking. Words are what stands between white space.

import { diffArrays } from "diff";

/** A run of text and whether the other text lacks it. */
export interface Run {
  text: string;
  isOnlyHere: boolean;
}

/** The most words that may differ: beyond, marking would be slow and would mark nearly all. */
const MAX_DIFFERENT_WORDS = 1500;

/** Both texts as runs; null if they differ in too many words to be marked. */
export function difference(a: string, b: string): [Run[], Run[]] | null {
  const changes = diffArrays(words(a), words(b), { maxEditLength: MAX_DIFFERENT_WORDS });
  if (!changes) return null;
  const sides: [Run[], Run[]] = [[], []];
  for (const { value, added, removed } of changes) {
    if (!added) sides[0].push({ text: value.join(" "), isOnlyHere: removed });
    if (!removed) sides[1].push({ text: value.join(" "), isOnlyHere: added });
  }
  return sides;
}

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);
