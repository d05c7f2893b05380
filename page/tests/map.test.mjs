// The map: names of themes that can be read and cover nothing of each other, and a first view that a
// few far-off passages do not shrink.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DESKTOP, launch, open, PHONE } from "./browser.mjs";
import { generated, writePage } from "./fixtures.mjs";

const LONG = "reviving · Russia-India-China Trilateral · Foreign Minister";
const LONG_KEYWORD = "a keyword of so many words that it goes into lines between them";
const TOO_LONG = `${"endless".repeat(12)} · word`;

/** The names of its largest themes are long. */
function withLongNames(report) {
  [LONG, LONG_KEYWORD, TOO_LONG].forEach((label, theme) => (report.themes[theme].label = label));
  return report;
}

/** All passages of a map in a ninth of it, but each `step`-th, which is far off in one of two islands. */
function withFarOff(report, step) {
  const { x, y } = report.passages;
  for (const at of [x, y]) at.forEach((place, i) => (at[i] = Math.round(6000 + place / 3)));
  for (let i = 0; i < x.length; i += step) [x[i], y[i]] = i % (2 * step) === 0 ? [64_000, 9000 + i] : [9000 + i, 64_000];
  return report;
}

const namesOf = (page) => page.locator(".map-points").getAttribute("data-names").then(JSON.parse);
const zoomOf = (page) => page.locator(".map-points").getAttribute("data-zoom").then(Number);

/** Waits until the map rests, which it does a moment after it was moved, and its names are placed. */
async function atRest(page) {
  await page.locator(".map-points[data-names]").waitFor();
  await page.waitForFunction(() => {
    const { names, zoom } = document.querySelector(".map-points").dataset;
    const now = `${names} ${zoom}`;
    const since = window.unchanged?.now === now ? window.unchanged.since : performance.now();
    window.unchanged = { now, since };
    return performance.now() - since > 300;
  });
}

const areApart = (a, b) => a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];

/** Places along a line, of which none may lie in a box that is not the line's own. */
const along = ([x, y, toX, toY]) => Array.from({ length: 50 }, (_, i) => [x + ((toX - x) * i) / 50, y + ((toY - y) * i) / 50]);
const isInside = ([x, y], [left, top, width, height]) => x > left && x < left + width && y > top && y < top + height;

const words = (text) => text.split(/[\s·]+/).filter(Boolean);

/** What is wrong with the names on the map: nothing. */
async function findings(page, report) {
  const names = await namesOf(page);
  const { width, height } = await page.locator(".map-lines").boundingBox();
  const labels = (of) => (of.isBroader ? report.broader_themes.find(({ parent }) => parent === of.theme) : report.themes[of.theme]).label;
  const found = [];
  for (const [i, name] of names.entries()) {
    const [left, top, wide, high] = name.box;
    if (left < 0 || top < 0 || left + wide > width || top + high > height) found.push(`${name.lines} leaves the map`);
    if (words(name.lines.join(" ")).join(" ") !== words(labels(name)).join(" ")) found.push(`${labels(name)} is cut: ${name.lines}`);
    if (name.lines.length > 3) found.push(`${name.lines} has too many lines`);
    for (const other of names.slice(i + 1)) if (!areApart(name.box, other.box)) found.push(`${name.lines} covers ${other.lines}`);
    for (const other of names) {
      if (other === name || !name.leader) continue;
      if (along(name.leader).some((place) => isInside(place, other.box))) found.push(`the line of ${name.lines} crosses ${other.lines}`);
    }
  }
  return { n: names.length, found: [...found, ...(await narrow(page, names))] };
}

/** Names whose box is narrower than their text. */
const narrow = (page, names) =>
  page.evaluate((given) => {
    const context = document.createElement("canvas").getContext("2d");
    const { fontFamily } = getComputedStyle(document.body);
    return given
      .filter(({ isBroader, lines, box }) => {
        context.font = isBroader ? `italic 600 14px ${fontFamily}` : `600 12.5px ${fontFamily}`;
        return Math.max(...lines.map((line) => context.measureText(line).width)) > box[2] - 8;
      })
      .map(({ lines }) => `${lines} does not go into its box`);
  }, names);

describe("the map", () => {
  let browser;
  let folder;
  const reports = {
    whole: generated({ n: 1500 }),
    long: withLongNames(generated({ n: 600, nThemes: 9 })),
    manyThemes: generated({ n: 20_000, nThemes: 300, nTexts: 1000 }),
    farOff: withFarOff(generated({ n: 1500 }), 60),
  };
  const paths = {};
  before(async () => {
    browser = await launch();
    folder = await mkdtemp(join(tmpdir(), "refrain-page-"));
    for (const [name, report] of Object.entries(reports)) paths[name] = await writePage(report, join(folder, `${name}.html`));
  });
  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [name, least] of Object.entries({ whole: 12, long: 5, manyThemes: 6, farOff: 12 })) {
    test(`names are whole, within the map and apart, at every magnification: ${name}`, async () => {
      for (const viewport of [DESKTOP, PHONE]) {
        const { page, noted, close } = await open(browser, paths[name], { viewport });
        await atRest(page);
        const first = await findings(page, reports[name]);
        assert.deepEqual(first.found, []);
        assert.ok(viewport === PHONE || first.n >= least, `${first.n} names`);
        const magnify = page.locator(".zoom button").first();
        for (let step = 0; step < 5; step++) {
          await magnify.click();
          await atRest(page);
          assert.deepEqual((await findings(page, reports[name])).found, [], `magnified ${await zoomOf(page)} times`);
        }
        assert.deepEqual(noted.errors, []);
        await close();
      }
    });
  }

  test("a long name stands in lines, one that goes into none is left to the list", async () => {
    const { page, close } = await open(browser, paths.long);
    await atRest(page);
    const lines = new Map((await namesOf(page)).filter(({ isBroader }) => !isBroader).map((name) => [name.theme, name.lines]));
    assert.deepEqual(lines.get(0), ["reviving", "Russia-India-China Trilateral", "Foreign Minister"]);
    assert.equal(lines.get(1)?.join(" "), LONG_KEYWORD);
    assert.ok(!lines.has(2));
    assert.match(await page.locator('.theme[data-theme="2"]').innerText(), new RegExp(TOO_LONG));
    await close();
  });

  test("a name that finds no place comes as the map is magnified", async () => {
    const { page, close } = await open(browser, paths.manyThemes);
    await atRest(page);
    const themes = async () => new Set((await namesOf(page)).filter(({ isBroader }) => !isBroader).map(({ theme }) => theme));
    const before = await themes();
    for (let step = 0; step < 5; step++) await page.locator(".zoom button").first().click();
    await atRest(page);
    const more = [...(await themes())].filter((theme) => !before.has(theme));
    assert.ok(more.length >= 5, `${more.length} more`);
    await close();
  });

  test("the same view has the same names", async () => {
    const fragment = "#map=3 0.45 0.5";
    const seen = [];
    for (const way of [fragment, "", fragment]) {
      const { page, close } = await open(browser, paths.manyThemes, { fragment: way });
      await atRest(page);
      // Once it is come to from elsewhere.
      if (way === "") {
        await page.locator(".zoom button").first().click();
        await page.evaluate((hash) => (location.hash = hash), fragment);
        await page.locator('.map-points[data-zoom="3.00"]').waitFor();
        await atRest(page);
      }
      seen.push(await namesOf(page));
      await close();
    }
    assert.ok(seen[0].length > 5);
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
  });

  for (const scheme of ["light", "dark"]) {
    test(`names are readable over points, ${scheme}`, async () => {
      const { page, close } = await open(browser, paths.manyThemes, { scheme, fragment: "#map=4 0.5 0.5" });
      await atRest(page);
      const worst = await page.evaluate(() => {
        const [points, lines] = [".map-points", ".map-lines"].map((canvas) => document.querySelector(canvas));
        const both = document.createElement("canvas");
        [both.width, both.height] = [points.width, points.height];
        const context = both.getContext("2d");
        for (const canvas of [points, lines]) context.drawImage(canvas, 0, 0);
        const luminance = (rgb) => {
          const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ink = luminance(getComputedStyle(document.documentElement).color.match(/\d+/g).slice(0, 3).map(Number));
        const out = { contrast: Infinity, covered: 0 };
        for (const { box } of JSON.parse(points.dataset.names)) {
          // Beside the text, where the plate is and what shines through it.
          const strip = [Math.round(box[0]) + 2, Math.round(box[1]) + 4, 3, Math.round(box[3]) - 8];
          const { data } = context.getImageData(...strip);
          const under = points.getContext("2d").getImageData(...strip).data;
          for (let at = 0; at < data.length; at += 4) {
            const behind = luminance([...data.slice(at, at + 3)]);
            out.contrast = Math.min(out.contrast, (Math.max(ink, behind) + 0.05) / (Math.min(ink, behind) + 0.05));
            if (Math.max(...under.slice(at, at + 3)) - Math.min(...under.slice(at, at + 3)) > 60) out.covered++;
          }
        }
        return out;
      });
      assert.ok(worst.covered > 0, "no name stands over a point, so nothing was tried");
      assert.ok(worst.contrast >= 7, `${worst.contrast.toFixed(2)} : 1`);
      await close();
    });
  }

  test("a name chooses its theme", async () => {
    const { page, close } = await open(browser, paths.whole);
    await atRest(page);
    const { theme, box } = (await namesOf(page)).find(({ isBroader }) => !isBroader);
    await page.locator(".map-lines").click({ position: { x: box[0] + box[2] / 2, y: box[1] + box[3] / 2 } });
    await page.waitForURL(new RegExp(`theme=${theme}`));
    await close();
  });

  /** The share of the map's width and height that coloured points are in. */
  const taken = (page) =>
    page.evaluate(() => {
      const canvas = document.createElement("canvas");
      const points = document.querySelector(".map-points");
      [canvas.width, canvas.height] = [points.width, points.height];
      canvas.getContext("2d").drawImage(points, 0, 0);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const [columns, rows] = [new Set(), new Set()];
      for (let at = 0; at < data.length; at += 4) {
        if (Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) < 60) continue;
        columns.add((at / 4) % canvas.width);
        rows.add(Math.floor(at / 4 / canvas.width));
      }
      return Math.max(columns.size / canvas.width, rows.size / canvas.height);
    });

  test("far-off passages do not shrink the first view, and are a step away", async () => {
    const { page, noted, close } = await open(browser, paths.farOff);
    await atRest(page);
    assert.equal(await zoomOf(page), 1);
    assert.ok((await taken(page)) > 0.65, `the bulk takes ${await taken(page)} of the first view`);
    assert.match(await page.locator(".outside").innerText(), /^25 of 1,500 passages lie far off, outside of the first view/);

    await page.locator(".outside button").click();
    await atRest(page);
    const whole = await zoomOf(page);
    assert.ok(whole > 0.25 && whole < 0.5, `the whole map is shown at ${whole}`);
    assert.ok((await taken(page)) < 0.45, `the bulk takes ${await taken(page)} of the whole map`);
    const shown = await namesOf(page);
    await page.waitForURL(/map=0\.\d+/);
    const fragment = new URL(page.url()).hash;

    // The link shows the same, and the page can go back to the first view.
    const again = await open(browser, paths.farOff, { fragment });
    await atRest(again.page);
    assert.equal(await zoomOf(again.page), whole);
    const shownAgain = await namesOf(again.page);
    assert.deepEqual(shownAgain.map(({ lines }) => lines), shown.map(({ lines }) => lines));
    // A fragment has four decimals.
    const moved = shown.map(({ box }, i) => Math.hypot(box[0] - shownAgain[i].box[0], box[1] - shownAgain[i].box[1]));
    assert.ok(Math.max(...moved) < 0.5, `a name is ${Math.max(...moved)} pixels elsewhere`);
    assert.equal(new URL(again.page.url()).hash, fragment);
    await again.page.locator(".zoom button", { hasText: "Reset" }).click();
    await atRest(again.page);
    assert.equal(await zoomOf(again.page), 1);
    await again.page.waitForFunction(() => !location.hash.includes("map="));
    await again.close();

    // By keys alone too: out as far as it goes, and back.
    const map = page.locator(".map-lines");
    await map.focus();
    await page.keyboard.press("0");
    await page.locator('.map-points[data-zoom="1.00"]').waitFor();
    for (let step = 0; step < 5; step++) await page.keyboard.press("-");
    await atRest(page);
    assert.equal(await zoomOf(page), whole);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("passages that are chosen and far off are said to be so", async () => {
    const { page, close } = await open(browser, paths.farOff, { fragment: "#theme=0" });
    await atRest(page);
    assert.match(await page.locator(".outside").innerText(), /^\d+ of \d+ chosen passages lies? far off/);
    await close();
  });

  test("without far-off passages the first view is the whole map", async () => {
    for (const path of [paths.whole, paths.manyThemes]) {
      const { page, close } = await open(browser, path);
      await atRest(page);
      assert.equal(await page.locator(".outside").count(), 0);
      await page.locator(".map-lines").focus();
      await page.keyboard.press("-");
      await atRest(page);
      assert.equal(await zoomOf(page), 1);
      await close();
    }
  });

  test("a link to a part of the map that there is not shows what is nearest to it", async () => {
    for (const [fragment, zoom] of [["#map=1 -5 1e9", 1], ["#map=0.001 0.5 0.5", 1], ["#map=1000000 0.5 0.5", 64]]) {
      const { page, noted, close } = await open(browser, paths.whole, { fragment });
      await atRest(page);
      assert.equal(await zoomOf(page), zoom);
      if (zoom === 1) assert.ok((await namesOf(page)).length > 10, fragment);
      assert.deepEqual(noted.errors, []);
      await close();
    }
  });
});
