// Builds dist/page.html: one file with the script and the style in it, byte for byte the same from
// the same source. `--check` writes nothing and fails if dist/page.html is not what would be written.

import { createHash } from "node:crypto";
import { readFile, readdir, writeFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const out = join(root, "dist", "page.html");

const shared = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  write: false,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

async function script() {
  const { outputFiles, metafile } = await esbuild.build({
    ...shared,
    entryPoints: ["src/main.tsx"],
    format: "iife",
    target: "es2022",
    metafile: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const text = outputFiles[0].text.trim();
  // Either would end or change the parsing of the script element.
  if (/<\/script|<!--/i.test(text)) throw new Error("the script holds </script or <!--");
  return { text, packages: packagesIn(metafile) };
}

async function style() {
  const { outputFiles } = await esbuild.build({
    ...shared,
    entryPoints: ["src/style.css"],
    target: ["chrome111", "firefox113", "safari16.4"],
  });
  const text = outputFiles[0].text.trim();
  if (/<\/style/i.test(text)) throw new Error("the style holds </style");
  return text;
}

/** The packages of which something is in the bundle, by name. */
function packagesIn(metafile) {
  const used = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path),
  );
  const names = used.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean);
  return [...new Set(names)].sort();
}

/** Their licences; packages under the same words share them. */
async function licences(packages) {
  const byText = new Map();
  for (const name of packages) {
    const folder = join(root, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    const text = (await readFile(join(folder, file), "utf8")).trim().replaceAll("\r\n", "\n");
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  return [...byText].map(([text, names]) => `${names.join("\n")}\n\n${text}`).join(`\n\n${"–".repeat(40)}\n\n`);
}

const hash = (text) => `sha256-${createHash("sha256").update(text, "utf8").digest("base64")}`;
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

async function page() {
  const [{ text: js, packages }, css, skeleton] = await Promise.all([
    script(),
    style(),
    readFile(join(root, "src", "index.html"), "utf8"),
  ]);
  const parts = {
    "script-hash": hash(js),
    "style-hash": hash(css),
    style: css,
    script: js,
    licences: escaped(await licences(packages)),
  };
  const html = skeleton.replaceAll(/\{\{([a-z-]+)\}\}/g, (whole, name) => parts[name] ?? whole);
  const placeholders = html.split("{{report}}").length - 1;
  if (placeholders !== 1) throw new Error(`{{report}} occurs ${placeholders} times, not once`);
  return html;
}

const html = await page();
if (process.argv.includes("--check")) {
  const found = await readFile(out, "utf8").catch(() => null);
  if (found !== html) {
    console.error("dist/page.html is not what src builds; run `npm run build`");
    process.exit(1);
  }
  console.log("dist/page.html is up to date");
} else {
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, html);
  console.log(`dist/page.html: ${Buffer.byteLength(html).toLocaleString("en")} bytes`);
}
