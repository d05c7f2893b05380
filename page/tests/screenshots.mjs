// Pictures of a page, light, dark and as wide as a phone, at several states.
//
//     npm run screenshots -- PAGE OUTDIR

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DESKTOP, launch, open, PHONE } from "./browser.mjs";

const [path, out] = process.argv.slice(2);
if (!path || !out) {
  console.error("usage: npm run screenshots -- PAGE OUTDIR");
  process.exit(2);
}
await mkdir(out, { recursive: true });

const MANNERS = {
  light: { scheme: "light", viewport: DESKTOP },
  dark: { scheme: "dark", viewport: DESKTOP },
  phone: { scheme: "light", viewport: PHONE, density: 2, hasTouch: true },
};

const browser = await launch();
for (const [name, manner] of Object.entries(MANNERS)) {
  const { page, close } = await open(browser, path, manner);
  const shoot = (state, whole = false) => page.screenshot({ path: join(out, `${name}-${state}.png`), fullPage: whole });
  const has = async (selector) => (await page.locator(selector).count()) > 0;
  // Until the map is at rest and drawn finely.
  const rest = () => page.waitForTimeout(350);
  await rest();
  await shoot("top");
  await shoot("whole", true);
  if (await has(".theme .choose")) {
    await page.locator(".theme .choose").first().click();
    await rest();
    await shoot("theme");
    await page.keyboard.press("Escape");
  }
  if (await has(".group-head")) {
    const reworded = page.locator('.group[data-kind="reworded"] .group-head');
    await ((await reworded.count()) > 1 ? reworded.nth(1) : page.locator(".group-head").first()).click();
    await page.locator("#duplicates").evaluate((section) => section.scrollIntoView());
    await rest();
    await shoot("group");
  }
  if (await has(".heat")) {
    await page.locator(".heat").evaluate((section) => section.scrollIntoView());
    await rest();
    await shoot("heat");
  }
  await page.locator("#sources").evaluate((section) => section.scrollIntoView());
  await page.locator(".turn-button").first().click();
  await rest();
  await shoot("sources");
  await page.locator("#passages .place .link").first().click();
  await page.evaluate(() => scrollTo(0, 0));
  await rest();
  await shoot("context");
  await close();
}
await browser.close();
