// A corpus that would break a page that trusts it: shown as text, and nothing of it runs. Once as
// the real program writes it, once with every name and label hostile too.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, open, inScratchFolder, PHONE, required } from "./browser.mjs";
import { hostile, HOSTILE_TEXTS, writePage } from "./fixtures.mjs";

const realPath = required("REFRAIN_HOSTILE_PAGE", "report.html of a corpus with script tags, right-to-left text and long words");

/** Opens all that opens, and follows nothing. */
async function openAll(page) {
  for (const summary of await page.locator("main details > summary").all()) if (await summary.isVisible()) await summary.click();
  for (const button of await page.locator(".turn-button").all()) await button.click();
  for (let i = 0; i < 50; i++) {
    const closed = page.locator("button", { hasText: /^Show all [\d,]+ characters$/ });
    if ((await closed.count()) === 0) break;
    await closed.first().click();
  }
}

async function runsNothing({ page, noted }) {
  assert.equal(await page.evaluate("typeof window.__hacked"), "undefined");
  assert.deepEqual(noted, { errors: [], requests: [], dialogs: [] });
  const elements = await page.locator("#page script, #page img, #page iframe, #page b, #page [onload], #page [onerror], #page base, #page style").count();
  assert.equal(elements, 0, "elements of the corpus became elements of the page");
}

const isTooWide = (page) => page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

describe("a hostile corpus", () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  test("of the real program is text and runs nothing", async () => {
    const opened = await open(browser, realPath);
    await openAll(opened.page);
    await runsNothing(opened);
    assert.ok((await opened.page.locator("#passages .text").count()) > 0);
    assert.ok((await isTooWide(opened.page)) <= 0);
    await opened.close();
  });

  test("with hostile names, labels and addresses is text and runs nothing", () =>
    inScratchFolder(async (folder) => {
      const path = await writePage(hostile(), join(folder, "hostile.html"));
      for (const viewport of [undefined, PHONE]) {
        const opened = await open(browser, path, { viewport });
        const { page } = opened;
        await openAll(page);
        for (const group of await page.locator(".group-head").all()) {
          await group.click();
          await openAll(page);
        }
        await runsNothing(opened);
        const texts = await page.locator("#passages .text").evaluateAll((all) => all.map((text) => text.textContent));
        const asShown = (text) => text.toWellFormed();
        assert.deepEqual(texts.map(asShown), HOSTILE_TEXTS.map(asShown));
        assert.ok((await isTooWide(page)) <= 0, `wider than the screen by ${await isTooWide(page)} pixels`);

        // Only addresses of the web are links.
        const links = await page.locator("main a").evaluateAll((all) => all.map((a) => a.protocol));
        assert.deepEqual([...new Set(links)], ["https:"]);
        const directions = await page.locator("#passages .text").evaluateAll((all) => all.map((text) => getComputedStyle(text).direction));
        assert.equal(directions[0], "ltr");
        assert.equal(directions[5], "rtl");
        assert.equal(directions[6], "rtl");

        await page.locator("#search").fill("<script>window");
        await page.locator("#passages mark.found").first().waitFor();
        await runsNothing(opened);
        await page.locator("#passages .place .link").first().click();
        await page.locator(".here").waitFor();
        await runsNothing(opened);
        await opened.close();
      }
    }));

  test("the page's own policy stops what markup would run or fetch", async () => {
    const { page, noted, close } = await open(browser, realPath);
    await page.evaluate(() => {
      document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.__hacked = 1"><img src="https://example.org/x.png">');
      const script = document.createElement("script");
      script.textContent = "window.__hacked = 1";
      document.body.append(script);
    });
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate("typeof window.__hacked"), "undefined");
    assert.ok(noted.errors.length >= 3 && noted.errors.every((error) => error.includes("Content Security Policy")), noted.errors.join("\n"));
    await close();
  });

  test("a hostile fragment is text and runs nothing", async () => {
    const opened = await open(browser, realPath, { fragment: `#search=${encodeURIComponent("<img src=x onerror=window.__hacked=1>")}&__proto__=1` });
    await opened.page.locator(".chip").waitFor();
    await runsNothing(opened);
    await opened.close();
  });
});
