// Writes the hostile texts as a corpus for the real program: `node tests/hostile.mjs FOLDER`.
// Each stands twice, in two sources, so that there are duplicates too.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HOSTILE_TEXTS } from "./fixtures.mjs";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node tests/hostile.mjs FOLDER");
for (const source of ["<b>one</b>", "t'w\"o & more"]) {
  await mkdir(join(folder, source), { recursive: true });
  for (const [i, text] of HOSTILE_TEXTS.entries()) {
    await writeFile(join(folder, source, `<i>${i}<!--.txt`), text.toWellFormed());
  }
}
