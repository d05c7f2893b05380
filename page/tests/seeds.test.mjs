// The page of a real report, that of seeds/: what a reader does with it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, required } from "./browser.mjs";

const path = required("REFRAIN_SEEDS_PAGE", "report.html of `refrain report seeds`");

describe("the page of seeds/", () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  const opened = (fragment = "") => open(browser, path, { fragment });
  const shownOnMap = (page) => page.locator(".map-points[data-shown]").getAttribute("data-shown").then(Number);
  const shownInList = (page) => page.locator("#passages [data-passages]").getAttribute("data-passages").then(Number);
  const groups = (page) => page.locator("#groups-left").getAttribute("data-groups").then(Number);
  const sources = (page) => page.locator("#sources-left").getAttribute("data-sources").then(Number);
  /** Waits until the map has drawn as many passages as the list says are chosen. */
  const settled = async (page) => {
    const n = await shownInList(page);
    await page.locator(`.map-points[data-shown="${n}"]`).waitFor();
    return n;
  };

  test("opens from the file system without errors, requests or dialogs", async () => {
    const { page, noted, close } = await opened();
    await settled(page);
    await page.mouse.wheel(0, 4000);
    await page.locator("#licences summary").click();
    assert.deepEqual(noted, { errors: [], requests: [], dialogs: [] });
    assert.match(await page.title(), /seeds/);
    assert.equal(await page.locator("h1").innerText(), "seeds");
    await close();
  });

  test("a theme names the source that most of it is from, and leads there", async () => {
    const { page, close } = await opened();
    const all = await settled(page);
    const facts = page.locator('.theme[data-theme="0"] .facts');
    const [, share] = /^\d+ passages.* · cohesion 0\.\d\d · \d sources, \d{3}_\w+\.txt (\d+) %$/.exec(await facts.innerText());
    assert.ok(Number(share) > 33);
    await facts.locator(".link").click();
    assert.ok((await settled(page)) < all);
    assert.match(new URL(page.url()).hash, /^#source=\d$/);
    await close();
  });

  test("a theme that is chosen filters the map, the groups and the sources", async () => {
    const { page, noted, close } = await opened();
    const all = await settled(page);
    const before = { groups: await groups(page), sources: await sources(page) };
    const theme = page.locator('.theme[data-theme="2"]');
    const size = Number(await theme.locator(".size").innerText());
    await theme.locator(".choose").click();
    assert.equal(await settled(page), size);
    assert.ok(size < all);
    const chosen = { groups: await groups(page), sources: await sources(page) };
    assert.ok(chosen.groups > 0 && chosen.groups < before.groups, `${chosen.groups} of ${before.groups} groups`);
    assert.ok(chosen.sources > 0 && chosen.sources < before.sources, `${chosen.sources} of ${before.sources} sources`);
    assert.match(await page.locator("#left").innerText(), new RegExp(`^${size} of ${all} passages · ${chosen.groups} of ${before.groups} duplicate groups`));
    assert.equal(new URL(page.url()).hash, "#theme=2");

    await page.keyboard.press("Escape");
    assert.equal(await settled(page), all);
    assert.equal(await groups(page), before.groups);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("a duplicate group opens and shows in which words the Lavrov blurbs differ", async () => {
    const { page, noted, close } = await opened();
    const group = page.locator('.group[data-kind="reworded"]', { hasText: "At an international conference in Perm" });
    await group.locator(".group-head").click();
    const sides = group.locator(".side");
    assert.equal(await sides.count(), 2);
    const marked = [];
    for (const side of await sides.all()) {
      assert.match(await side.innerText(), /seeds\/003_|003_.*\.txt/);
      assert.match(await side.innerText(), /bytes [\d,]+–[\d,]+/);
      marked.push(await side.locator("mark.only").allInnerTexts());
    }
    assert.ok(marked[0].includes("At an international conference in Perm,"), marked[0].join(" | "));
    assert.ok(marked[1].includes("emphasized"), marked[1].join(" | "));
    for (const words of marked.flat()) assert.doesNotMatch(words, /Galwan|Lavrov\b(?! also)/);
    const line = await sides.first().locator("mark.only").first().evaluate((mark) => getComputedStyle(mark).textDecorationLine);
    assert.equal(line, "underline");
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("search finds a passage, and Enter goes to it", async () => {
    const { page, close } = await opened();
    const all = await settled(page);
    await page.keyboard.press("/");
    await page.keyboard.type("GALWAN conference", { delay: 5 });
    await page.locator("#passages mark.found").first().waitFor();
    const n = await settled(page);
    assert.ok(n > 0 && n < all, `${n} of ${all}`);
    for (const text of await page.locator("#passages .text").allInnerTexts()) {
      assert.match(text, /galwan/i);
      assert.match(text, /conference/i);
    }
    await page.keyboard.press("Enter");
    // Where it goes is known once the page is drawn again.
    await page.waitForFunction(() => {
      const { top } = document.querySelector("#passages-title").getBoundingClientRect();
      return top > 0 && top < innerHeight;
    });
    await page.locator("#search").fill("no passage has these words together");
    await page.locator('#passages [data-passages="0"]').waitFor();
    await close();
  });

  test("a point that is chosen shows its passage in its context", async () => {
    const { page, noted, close } = await opened("#theme=2");
    await settled(page);
    const passage = page.locator("#passages .passage").first();
    const text = await passage.locator(".text").textContent();
    await passage.locator(".place .link").click();
    const context = page.locator("aside.context");
    await context.waitFor();
    assert.equal(await context.locator(".here .text").textContent(), text);
    const id = Number(await passage.getAttribute("data-passage"));
    assert.equal(await context.locator(".here").getAttribute("data-passage"), String(id));
    await page.keyboard.press("Escape");
    await context.waitFor({ state: "detached" });

    // By the pointer: where the map has a coloured pixel, of which names of themes cover none.
    const map = page.locator(".map-lines");
    await map.scrollIntoViewIfNeeded();
    const position = await page.locator(".map-points[data-names]").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const boxes = JSON.parse(canvas.dataset.names).map(({ box }) => box);
      for (let at = 0; at < data.length; at += 4) {
        const [x, y] = [(at / 4) % canvas.width, Math.floor(at / 4 / canvas.width)];
        const isColoured = Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 60;
        const isCovered = boxes.some(([left, top, width, height]) => x >= left && x <= left + width && y >= top && y <= top + height);
        if (isColoured && !isCovered) return { x, y };
      }
      return null;
    });
    assert.ok(position, "the map has no coloured point");
    await map.hover({ position });
    await page.locator(".tip").waitFor();
    await map.click({ position });
    await context.waitFor();
    assert.ok((await context.locator(".here .text").innerText()).length > 0);
    assert.deepEqual(noted.errors, []);
    await close();
  });

  test("the fragment shows the same again, and back goes back", async () => {
    const { page, url, close } = await opened();
    const all = await settled(page);
    await page.locator('.theme[data-theme="0"] .choose').click();
    const chosen = await settled(page);
    await page.locator("#map select").selectOption("source");
    await page.locator('.toggles button', { hasText: "exact" }).click();
    await page.locator("#passages .place .link").first().click();
    await page.locator(".zoom button").first().click();
    await page.waitForURL(/map=/);
    const fragment = new URL(page.url()).hash;
    for (const part of ["theme=0", "colour=source", "kinds=exact", "passage=", "map=1.6"]) assert.ok(fragment.includes(part), fragment);

    const again = await open(browser, path, { fragment });
    assert.equal(await settled(again.page), chosen);
    await again.page.locator(".map-points[data-zoom='1.60']").waitFor();
    assert.equal(await again.page.locator("#map select").inputValue(), "source");
    assert.equal(await again.page.locator(".here").innerText(), await page.locator(".here").innerText());
    assert.equal(await groups(again.page), await groups(page));
    assert.equal(new URL(again.page.url()).hash, fragment);
    await again.close();

    for (let steps = 0; steps < 4; steps++) await page.goBack();
    assert.equal(page.url().replace(/#$/, ""), url);
    assert.equal(await settled(page), all);
    await page.goForward();
    assert.equal(await settled(page), chosen);
    await close();
  });

  test("a fragment that says what the report does not have shows all", async () => {
    const { page, noted, close } = await opened("#theme=99999&source=-4&passage=1e9&group=x&kinds=none&map=a b c&scheme=pink&%E0%A4%A");
    assert.ok((await settled(page)) > 0);
    assert.equal(await page.locator("#left").innerText(), "");
    assert.deepEqual(noted.errors, []);
    await close();
  });
});
