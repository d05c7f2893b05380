// How long frames take while the map of many points moves, and how fast pages open: a Markdown
// table, for benches/results. Without a graphics card, so that it is the least a reader will have.
//
//     npm run frames [-- POINTS…]

import { stat } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { inScratchFolder, launch, open } from "./browser.mjs";
import { generated, writePage } from "./fixtures.mjs";

const sizes = process.argv.slice(2).map(Number);
if (sizes.length === 0) sizes.push(10_000, 100_000);

/** Times between frames while `act` goes on, in ms. */
async function frames(page, act) {
  await page.evaluate(() => {
    window.frameTimes = [];
    let last = performance.now();
    const tick = (now) => {
      window.frameTimes.push(now - last);
      last = now;
      window.frameRequest = requestAnimationFrame(tick);
    };
    window.frameRequest = requestAnimationFrame(tick);
  });
  await act();
  const times = await page.evaluate(() => {
    cancelAnimationFrame(window.frameRequest);
    return window.frameTimes.slice(2);
  });
  return times.sort((a, b) => a - b);
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ms = (n) => n.toFixed(1);

async function pan(page, box) {
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let step = 0; step < 120; step++) {
    const angle = (step / 120) * 4 * Math.PI;
    await page.mouse.move(x + 160 * Math.sin(angle), y + 120 * Math.sin(angle / 2));
  }
  await page.mouse.up();
}

async function magnify(page, box) {
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let step = 0; step < 120; step++) await page.mouse.wheel(0, step % 60 < 30 ? -60 : 60);
}

async function hover(page, box) {
  for (let step = 0; step < 120; step++) {
    await page.mouse.move(box.x + 40 + ((step * 37) % (box.width - 80)), box.y + 40 + ((step * 23) % (box.height - 80)));
  }
}

const rows = [];
const opening = [];
await inScratchFolder(async (folder) => {
  const browser = await launch();
  for (const n of sizes) {
    const report = generated({ n, nThemes: 60, nSources: 40, documentsPerSource: 25, nTexts: Math.min(n, 10_000) });
    const path = await writePage(report, join(folder, `${n}.html`));
    const megabytes = (await stat(path)).size / 1e6;
    for (const density of [1, 2]) {
      const { page, noted, close } = await open(browser, path, { density });
      await page.locator(".map-points[data-names]").waitFor();
      const toMap = await page.evaluate(() => {
        const [navigation] = performance.getEntriesByType("navigation");
        const paint = performance.getEntriesByName("first-contentful-paint")[0];
        return { loaded: navigation.loadEventEnd, painted: paint?.startTime ?? NaN };
      });
      opening.push(`| ${n.toLocaleString("en")} | ${density} | ${megabytes.toFixed(1)} | ${ms(toMap.painted)} | ${ms(toMap.loaded)} |`);
      const map = page.locator(".map-lines");
      await map.scrollIntoViewIfNeeded();
      await map.focus();
      const box = await map.boundingBox();
      const motions = { "panning, whole map × 2": [1, pan], "panning, × 6": [3, pan], magnifying: [0, magnify], pointing: [0, hover] };
      for (const [name, [steps, act]] of Object.entries(motions)) {
        await page.keyboard.press("0");
        for (let i = 0; i < steps; i++) await page.keyboard.press("+");
        await page.waitForTimeout(400);
        const times = await frames(page, () => act(page, box));
        const slow = times.filter((time) => time > 34).length;
        rows.push(
          `| ${n.toLocaleString("en")} | ${density} | ${name} | ${times.length} | ${ms(at(times, 0.5))} | ${ms(at(times, 0.95))} | ${ms(times.at(-1))} | ${slow} |`,
        );
      }
      if (noted.errors.length > 0) throw new Error(noted.errors.join("\n"));
      await close();
    }
  }
  console.log(`Chromium ${browser.version()}, headless, without a graphics card, ${cpus().length} cores (${cpus()[0].model.trim()}); window 1,360 × 900.\n`);
  await browser.close();
});
console.log("| points | pixels a CSS pixel | motion | frames | median, ms | 95th of 100, ms | longest, ms | longer than 34 ms |");
console.log("|---:|---:|---|---:|---:|---:|---:|---:|");
console.log(rows.join("\n"));
console.log("\n| passages | pixels a CSS pixel | page, MB | first painted, ms | loaded, ms |\n|---:|---:|---:|---:|---:|");
console.log(opening.join("\n"));
