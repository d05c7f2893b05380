// A real Chromium, and a page in it that notes what should not happen: errors, requests, dialogs.

import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not there.
      }
    }
  }
  throw new Error("no Chromium on PATH: install Debian's package chromium, or set CHROMIUM to its path");
}

export const launch = () => chromium.launch({ executablePath: executable(), args: ["--no-sandbox", "--disable-gpu"] });

export const DESKTOP = { width: 1360, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Opens a file in a context of its own; `noted` fills as things happen. */
export async function open(browser, path, { fragment = "", scheme = "light", viewport = DESKTOP, density = 1, hasTouch = false } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, deviceScaleFactor: density, hasTouch, reducedMotion: "reduce" });
  const page = await context.newPage();
  const url = pathToFileURL(resolve(path)).href;
  const noted = { errors: [], requests: [], dialogs: [] };
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && noted.errors.push(message.text()));
  page.on("pageerror", (error) => noted.errors.push(String(error)));
  page.on("request", (request) => !request.url().startsWith(url) && !request.url().startsWith("data:") && noted.requests.push(request.url()));
  page.on("dialog", (dialog) => {
    noted.dialogs.push(dialog.message());
    return dialog.dismiss();
  });
  await page.goto(url + fragment);
  await page.locator("main").waitFor();
  return { page, noted, url, close: () => context.close() };
}

/** A folder that is gone when the work in it is done. */
export async function inScratchFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "refrain-page-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The path in an environment variable; a test without it fails, it is not skipped. */
export function required(variable, what) {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set: it must be the path of ${what}`);
  return path;
}
