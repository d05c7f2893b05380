// The page over reports made in code: of every shape, at every width, by keyboard, for everyone.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, open, PHONE } from "./browser.mjs";
import { generated, writePage } from "./fixtures.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The same as of a report three times as large, of which a third is in the page. */
function partOf(report) {
  report.passages.id = report.passages.document.map((_, i) => 3 * i);
  report.points = { shown: report.passages.id.length, of: 3 * report.passages.id.length };
  report.texts.of = report.points.of;
  report.groups = { shown: report.duplicate_groups.length, of: 3 * report.duplicate_groups.length };
  for (const group of report.duplicate_groups) group.size *= 3;
  for (const theme of report.themes) theme.size *= 3;
  for (const source of report.sources) for (const counted of ["passages", "outliers", "in_duplicate_groups"]) source[counted] *= 3;
  return report;
}

/** Serious and critical findings of axe-core, with where they are. */
async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any.map((check) => check.message).join("; ")}`));
}

describe("the page", () => {
  let browser;
  let folder;
  const paths = {};
  before(async () => {
    browser = await launch();
    folder = await mkdtemp(join(tmpdir(), "refrain-page-"));
    const reports = {
      whole: generated({ n: 1500 }),
      themes: generated({ n: 600, nThemes: 9, hasGroups: false }),
      themesWithoutMap: generated({ n: 300, nThemes: 9, hasGroups: false, hasMap: false }),
      duplicates: generated({ n: 600, hasThemes: false }),
      sample: generated({ n: 3000, nTexts: 500 }),
      part: partOf(generated({ n: 600, nThemes: 9 })),
      nothing: generated({ n: 0, nThemes: 0, nSources: 0, hasMap: false }),
      tenThousand: generated({ n: 10_000, nThemes: 48, nSources: 40, documentsPerSource: 25 }),
    };
    for (const [name, report] of Object.entries(reports)) paths[name] = await writePage(report, join(folder, `${name}.html`));
  });
  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const scheme of ["light", "dark"]) {
    test(`axe-core finds nothing serious, ${scheme}`, async () => {
      const { page, noted, close } = await open(browser, paths.whole, { scheme });
      assert.equal(await page.evaluate("document.documentElement.dataset.scheme"), scheme);
      assert.deepEqual(await findings(page), []);
      await page.locator(".theme .choose").first().click();
      await page.locator(".theme summary").first().click();
      await page.locator('.group[data-kind="reworded"] .group-head').first().click();
      await page.locator(".turn-button").first().click();
      await page.locator("#search").fill("council");
      await page.locator("#passages .place .link").first().click();
      await page.locator("aside.context").waitFor();
      await page.locator("#map select").selectOption("source");
      await page.locator("#notes summary").click();
      assert.deepEqual(await findings(page), []);
      assert.deepEqual(noted.errors, []);
      await close();
    });
  }

  test("the switch of light and dark is kept in the fragment", async () => {
    const { page, close } = await open(browser, paths.whole, { scheme: "light" });
    await page.locator(".scheme select").selectOption("dark");
    await page.waitForURL(/scheme=dark/);
    assert.equal(await page.evaluate("document.documentElement.dataset.scheme"), "dark");
    await page.reload();
    await page.locator("main").waitFor();
    assert.equal(await page.evaluate("document.documentElement.dataset.scheme"), "dark");
    await close();
  });

  test("nothing is wider than a phone", async () => {
    for (const [name, path] of Object.entries(paths)) {
      if (name === "nothing") continue;
      const { page, noted, close } = await open(browser, path, { viewport: PHONE, density: 2, hasTouch: true });
      for (const head of await page.locator(".group-head").all().then((all) => all.slice(0, 1))) await head.click();
      await page.locator("#passages .place .link").first().click();
      await page.locator("aside.context").waitFor();
      for (const cell of await page.locator(".heat td button").all()) {
        assert.ok((await cell.boundingBox()).height < 40, "a number of the heat map is broken into lines");
      }
      const excess = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      assert.ok(excess <= 0, `${path}: ${excess} pixels too wide`);
      assert.deepEqual(noted.errors, []);
      await close();
    }
  });

  test("themes alone, duplicates alone, themes without a map: just what there is", async () => {
    const expected = {
      themes: { "#map": 1, "#themes": 1, "#duplicates": 0, "#sources": 1 },
      themesWithoutMap: { "#map": 0, "#themes": 1, "#duplicates": 0, "#sources": 1 },
      duplicates: { "#map": 0, "#themes": 0, "#duplicates": 1, "#sources": 1 },
    };
    for (const [name, parts] of Object.entries(expected)) {
      const { page, noted, close } = await open(browser, paths[name], { fragment: "#colour=theme&theme=1" });
      for (const [part, n] of Object.entries(parts)) assert.equal(await page.locator(part).count(), n, `${name} ${part}`);
      assert.doesNotMatch(await page.locator("main").innerText(), /undefined|NaN|null/);
      assert.deepEqual(noted.errors, []);
      await close();
    }
  });

  test("a keyword of a theme says how many of its texts have it, a language how many passages", async () => {
    const { page, close } = await open(browser, paths.whole);
    const theme = page.locator(".theme").first();
    const label = await theme.locator("h3 bdi").allInnerTexts();
    assert.deepEqual(await theme.locator("h3 .share").allInnerTexts(), [" 90 %", " 45 %", " 30 %"]);
    await theme.locator("summary").click();
    const keywords = await theme.locator(".details p").first().innerText();
    assert.ok(keywords.startsWith(`Keywords ${label[0]} 90 %, ${label[1]} 45 %, ${label[2]} 30 %`), keywords);
    assert.ok(keywords.endsWith(" (of its different texts; any of them 95 %)"), keywords);
    const languages = await theme.locator(".details p", { hasText: "Languages" }).innerText();
    assert.match(languages, /^Languages English (> )?\d+ %, Portuguese (< )?\d+ %$/);
    await close();
  });

  test("a report without all of its texts says so", async () => {
    const { page, noted, close } = await open(browser, paths.sample);
    assert.match(await page.locator(".header").innerText(), /texts of 500 of 3,000 passages/);
    assert.match(await page.locator("#passages").innerText(), /The text of passage \d+ is left out/);
    await page.locator("#search").fill("harbour");
    await page.locator("#passages mark.found").first().waitFor();
    assert.match(await page.locator("#passages .lead").innerText(), /Searched: the 500 texts/);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("a page that holds a part of the report says so, and counts as the report does", async () => {
    const { page, noted, close } = await open(browser, paths.part);
    assert.match(await page.locator(".header").innerText(), /a part of the report: 600 of 1,800 passages, the texts of 600 of 1,800 passages, 42 of 126 groups/);
    assert.match(await page.locator(".figures div", { hasText: "Duplicate groups" }).innerText(), /126\s+boilerplate among them; 42 in this page/);
    assert.match(await page.locator("#duplicates .lead").innerText(), /^41 groups in this page, .*; pairs in all: /);
    assert.doesNotMatch(await page.locator(".theme .size").first().innerText(), /of/);
    await page.locator(".group-head").first().click();
    assert.match(await page.locator(".group-body").innerText(), /\d of its \d+ passages are in this page/);
    await page.locator("#passages .place .link").nth(2).click();
    assert.match(await page.locator("aside.context").innerText(), /2 passages that this page does not hold/);
    await page.locator('.sources [data-label="Recycled"]').first().waitFor();
    assert.ok((await page.locator('.sources [data-label="Recycled"]').allInnerTexts()).every((share) => parseInt(share) <= 100));
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("the map is moved and a passage opened by keys alone", async () => {
    const { page, close } = await open(browser, paths.whole);
    const map = page.locator(".map-lines");
    for (let i = 0; i < 40 && !(await map.evaluate((canvas) => canvas === document.activeElement)); i++) await page.keyboard.press("Tab");
    assert.ok(await map.evaluate((canvas) => canvas === document.activeElement), "Tab does not reach the map");
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await page.locator('.map-points[data-zoom="2.25"]').waitFor();
    const points = page.locator(".map-points");
    await page.keyboard.press("ArrowRight");
    await page.waitForURL(/map=2.25/);
    const aside = page.locator("aside.context");
    const directions = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"];
    for (let i = 0; i < 60 && (await aside.count()) === 0; i++) {
      await page.keyboard.press(directions[Math.floor(i / 4) % 4]);
      await page.waitForTimeout(170);
      await page.keyboard.press("Enter");
    }
    await aside.waitFor();
    await page.keyboard.press("Escape");
    await aside.waitFor({ state: "detached" });
    await map.and(page.locator(":focus")).waitFor();
    await page.keyboard.press("0");
    await page.locator('.map-points[data-zoom="1.00"]').waitFor();
    assert.equal(await points.getAttribute("data-points"), "1500");
    await close();
  });

  test("a cell of the heat map chooses the groups that two sources share", async () => {
    const { page, noted, close } = await open(browser, paths.whole);
    const all = Number(await page.locator("#groups-left").getAttribute("data-groups"));
    const cell = page.locator(".heat td:not(.within) button").first();
    await cell.click();
    await page.locator(".chip").waitFor();
    const left = Number(await page.locator("#groups-left").getAttribute("data-groups"));
    assert.ok(left > 0 && left < all, `${left} of ${all}`);
    assert.match(await page.locator("#left").innerText(), /2 of 12 sources/);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("boilerplate is apart from the duplicates", async () => {
    const { page, noted, close } = await open(browser, paths.whole);
    const count = () => page.locator("#groups-left").getAttribute("data-groups").then(Number);
    const duplicates = await count();
    const check = page.locator("label.check", { hasText: "boilerplate" });
    const boilerplate = Number(await check.locator(".n").innerText());
    await check.locator("input").check();
    await page.waitForURL(/boilerplate=on/);
    assert.equal(await count(), boilerplate);
    assert.ok(boilerplate > 0 && boilerplate < duplicates);
    await page.locator(".group-head").first().click();
    assert.match(await page.locator(".group-body").innerText(), /in 3 of 8 documents/);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("a report of nothing opens", async () => {
    const { page, noted, close } = await open(browser, paths.nothing);
    assert.doesNotMatch(await page.locator("main").innerText(), /undefined|NaN|null|Infinity/);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("long lists come in pages, and a group that is linked to is on its page", async () => {
    const { page, close } = await open(browser, paths.tenThousand, { fragment: "#group=500" });
    assert.ok((await page.locator("#page *").count()) < 6000, "too many elements");
    await page.locator("#group-500 .group-body").waitFor();
    await page.locator('nav[aria-label="Pages of passages"] button', { hasText: "Next" }).click();
    assert.match(await page.locator('nav[aria-label="Pages of passages"]').innerText(), /21–40 of 10,000 passages/);
    await close();
  });

  test("on paper there is the report and no control", async () => {
    const { page, close } = await open(browser, paths.whole, { scheme: "dark" });
    await page.emulateMedia({ media: "print" });
    await page.waitForFunction(() => document.documentElement.dataset.scheme === "paper");
    for (const control of [".bar", ".controls >> nth=0", ".pager button >> nth=0"]) assert.equal(await page.locator(control).isVisible(), false, control);
    assert.ok(await page.locator("#themes").isVisible());
    await close();
  });
});
