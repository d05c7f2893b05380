// Reports made in code, the same at every run: one of any size, and one of texts that would break a
// page that trusts them.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const built = fileURLToPath(new URL("../dist/page.html", import.meta.url));

/** The page with a report in it, as the binary writes it. */
export async function writePage(report, path) {
  const page = await readFile(built, "utf8");
  const json = JSON.stringify(report).replaceAll("<", "\\u003c");
  await writeFile(path, page.replace("{{report}}", () => json));
  return path;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS = (
  "harbour council vote budget river bridge museum train strike school teacher court judge storm coast ferry farmer " +
  "harvest price market bank rate loan housing rent tenant builder hospital nurse clinic vaccine winter heating grid " +
  "power turbine wind solar battery factory worker union wage export tariff border treaty minister election ballot " +
  "party reform pension tax stadium match coach season film festival novel prize orchestra archive island forest fire"
).split(" ");

const KINDS = ["exact", "near", "excerpt", "reworded"];

/** A report of `n` passages. Texts beyond `nTexts` are left out of it, as of a large one. */
export function generated({
  n = 1000,
  nThemes = 24,
  nSources = 12,
  documentsPerSource = 8,
  nTexts = n,
  hasThemes = true,
  hasGroups = true,
  hasMap = hasThemes,
  seed = 7,
} = {}) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const round = (x) => Math.round(x * 1e4) / 1e4;

  const sourceNames = Array.from({ length: nSources }, (_, i) => `corpus/${pick(WORDS)}-${pick(WORDS)}-${i}.example`);
  const nDocuments = nSources * documentsPerSource;
  const sources = sourceNames.map((source, s) => ({
    source,
    documents: Array.from({ length: documentsPerSource }, (_, d) => ({
      document: `${source}/articles.jsonl#${d + 1}`,
      title: `The ${pick(WORDS)} and the ${pick(WORDS)}`,
      date: `2025-${String(1 + ((s + d) % 12)).padStart(2, "0")}-${String(1 + (d % 28)).padStart(2, "0")}T08:00:00Z`,
      url: `https://example.org/${s}/${d}`,
      language: "en",
    })),
    passages: 0,
    ...(hasThemes && { outliers: 0 }),
    ...(hasGroups && { in_duplicate_groups: 0 }),
  }));

  // Themes: a place on the map, words of their own.
  const themes = Array.from({ length: nThemes }, (_, cluster_id) => {
    const words = Array.from({ length: 8 }, () => pick(WORDS));
    const angle = cluster_id * 2.399963;
    const radius = 26_000 * Math.sqrt((cluster_id + 0.5) / nThemes);
    return {
      cluster_id,
      words,
      x: 32_768 + radius * Math.cos(angle),
      y: 32_768 + radius * Math.sin(angle),
      wide: 900 + 1400 * next(),
      members: [],
      bySource: new Map(),
    };
  });
  const sentence = (words) => {
    const out = Array.from({ length: 10 + Math.floor(next() * 30) }, () => (next() < 0.4 ? pick(words) : pick(WORDS)));
    out[0] = out[0][0].toUpperCase() + out[0].slice(1);
    return `${out.join(" ")}.`;
  };

  const passages = { document: [], start: [], end: [], text: [] };
  if (hasThemes) Object.assign(passages, { cluster: [], similarity: [] });
  if (hasGroups) passages.group = [];
  if (hasMap) Object.assign(passages, { x: [], y: [] });
  const clamp = (at) => Math.max(0, Math.min(65_535, Math.round(at)));
  const sourceOf = [];
  let start = 0;
  for (let i = 0; i < n; i++) {
    const document = Math.floor((i * nDocuments) / n);
    if (document !== passages.document.at(-1)) start = 0;
    const source = Math.floor(document / documentsPerSource);
    const theme = themes[Math.floor(nThemes * next() * next())];
    const isOutlier = next() < 0.03;
    const text = sentence(theme.words);
    passages.document.push(document);
    passages.start.push(start);
    passages.end.push(start + text.length);
    start += text.length + 2;
    passages.text.push(text);
    sourceOf.push(source);
    sources[source].passages++;
    if (hasThemes) {
      passages.cluster.push(isOutlier ? -1 : theme.cluster_id);
      passages.similarity.push(round(0.55 + 0.4 * next()));
      if (isOutlier) sources[source].outliers++;
      else {
        theme.members.push(i);
        theme.bySource.set(source, (theme.bySource.get(source) ?? 0) + 1);
      }
    }
    if (hasMap) {
      passages.x.push(clamp(isOutlier ? next() * 65_535 : theme.x + theme.wide * normal()));
      passages.y.push(clamp(isOutlier ? next() * 65_535 : theme.y + theme.wide * normal()));
    }
    if (hasGroups) passages.group.push(-1);
  }

  const groups = [];
  const shared = new Map();
  if (hasGroups) {
    const free = Array.from({ length: n }, (_, i) => i);
    const take = () => {
      const at = Math.floor(next() * free.length);
      const [taken] = free.splice(at, 1);
      return taken;
    };
    const nGroups = Math.min(Math.floor(n / 14), 2500);
    for (let group = 0; group < nGroups; group++) {
      const kind = KINDS[Math.floor(4 * next() ** 1.6)];
      const size = 2 + Math.floor(5 * next() ** 4);
      const members = Array.from({ length: size }, take).sort((a, b) => a - b);
      const words = passages.text[members[0]].split(" ");
      for (const [j, member] of members.entries()) {
        let text = passages.text[members[0]];
        if (j > 0 && kind === "near") text = words.map((word) => (next() < 0.12 ? pick(WORDS) : word)).join(" ");
        if (j > 0 && kind === "excerpt") text = `${words.slice(0, Math.ceil(words.length * 0.6)).join(" ")}.`;
        if (j > 0 && kind === "reworded") text = words.map((word) => (next() < 0.5 ? pick(WORDS) : word)).join(" ");
        passages.text[member] = text;
        passages.group[member] = group;
        sources[sourceOf[member]].in_duplicate_groups++;
      }
      const perSource = new Map();
      for (const member of members) perSource.set(sourceOf[member], (perSource.get(sourceOf[member]) ?? 0) + 1);
      const inSources = [...perSource.keys()].sort((a, b) => a - b);
      for (const [i, a] of inSources.entries()) {
        if (perSource.get(a) > 1) shared.set(`${a} ${a}`, (shared.get(`${a} ${a}`) ?? 0) + perSource.get(a));
        for (const b of inSources.slice(i + 1)) {
          shared.set(`${a} ${b}`, (shared.get(`${a} ${b}`) ?? 0) + perSource.get(a) + perSource.get(b));
        }
      }
      groups.push({
        group,
        kind,
        size,
        across_sources: inSources.length > 1,
        n_pairs: (size * (size - 1)) / 2,
        weakest_link: { cosine: round(0.9 + 0.1 * next()), jaccard: round(kind === "exact" ? 1 : next()), containment: round(0.4 + 0.6 * next()) },
        representative: members[0],
        members,
        ...(group % 40 === 39 && {
          boilerplate: [{ source: sourceNames[inSources[0]], documents: 3, of_documents: documentsPerSource }],
        }),
      });
    }
  }

  const bySize = [...themes].sort((a, b) => b.members.length - a.members.length || a.cluster_id - b.cluster_id);
  const renumbered = new Map(bySize.map((theme, i) => [theme.cluster_id, i]));
  if (hasThemes) passages.cluster = passages.cluster.map((id) => (id < 0 ? -1 : renumbered.get(id)));
  const nBroader = nThemes >= 20 ? Math.round(Math.sqrt(nThemes)) : 0;
  const shown = bySize.map((theme, cluster_id) => {
    const words = [...new Set(theme.words)];
    const inSources = [...theme.bySource].sort(([a, x], [b, y]) => y - x || a - b);
    return {
      cluster_id,
      ...(nBroader > 0 && { parent: cluster_id % nBroader }),
      label: words.slice(0, 3).join(" · "),
      keywords: words,
      keyword_shares: words.map((_, i) => round(0.9 / (i + 1))),
      keyword_coverage: 0.95,
      size: theme.members.length,
      n_distinct: Math.max(1, theme.members.length - (cluster_id % 5)),
      n_sources: inSources.length,
      sources: inSources.map(([source, count]) => ({ source: sourceNames[source], passages: count })),
      languages: [
        { language: "en", passages: theme.members.length - 1 },
        { language: "pt", passages: 1 },
      ],
      spread: round(0.4 + 0.6 * next()),
      cohesion: round(0.6 + 0.35 * next()),
      nearest: { cluster_id: (cluster_id + 1) % nThemes, cosine: round(0.5 + 0.4 * next()) },
      exemplars: theme.members.slice(0, 3),
    };
  });

  const count = (kind) => groups.filter((group) => group.kind === kind).length;
  if (nTexts < n) for (let i = 0; i < n; i++) if ((i * nTexts) % n >= nTexts) passages.text[i] = null;
  return {
    header: {
      refrain: "0.1.0",
      paths: ["corpus"],
      options: { include: [], input_format: "auto", segment: "paragraph", min_chars: 40, clustering: hasThemes ? { k: "auto", seed: 42 } : undefined },
      model: { name: "all-MiniLM-L6-v2", dim: 384, provider: "cpu", precision: "f32" },
      counts: {
        inputs: nSources,
        documents: nDocuments,
        sources: nSources,
        passages: n,
        distinct_passages: n - Math.floor(n / 20),
        tokens_embedded: n * 31,
        short_passages_left_out: 1234,
        paragraphs_split: 3,
        ...(hasThemes && { outliers: sources.reduce((sum, { outliers }) => sum + outliers, 0) }),
        ...(hasGroups && {
          pairs: {
            ...Object.fromEntries(KINDS.map((kind) => [kind, count(kind)])),
            across_sources: groups.filter((group) => group.across_sources).length,
            left_out: 0,
          },
        }),
      },
    },
    warnings: [{ warning: "empty", document: "corpus/empty.txt", message: "corpus/empty.txt: without text" }],
    sources,
    ...(hasThemes && {
      clustering: {
        n_clusters: nThemes,
        inertia: 1234.5,
        n_iterations: 12,
        criterion: "the largest k within one standard error of the best mean simplified silhouette",
        curve: (n > 0 ? [4, 8, 12, 16, nThemes, nThemes + 8, nThemes + 20] : []).map((n_clusters, i) => ({
          n_clusters,
          silhouette: round(0.25 + 0.05 * Math.sin(i / 1.8)),
          standard_error: 0.008,
        })),
      },
      themes: shown,
      broader_themes: Array.from({ length: nBroader }, (_, parent) => {
        const own = shown.filter((theme) => theme.parent === parent);
        return {
          parent,
          label: own.slice(0, 2).map((theme) => theme.keywords[0]).join(" · "),
          keywords: own.map((theme) => theme.keywords[0]),
          keyword_shares: own.map(() => 0.1),
          keyword_coverage: 0.5,
          size: own.reduce((sum, { size }) => sum + size, 0),
          themes: own.map((theme) => theme.cluster_id),
        };
      }),
    }),
    ...(hasGroups && {
      duplicate_groups: groups,
      shared: [...shared].map(([pair, passagesShared]) => [...pair.split(" ").map(Number), passagesShared]),
    }),
    passages,
    texts: { shown: nTexts, of: n },
  };
}

const RUN = "window.__hacked = 1; alert(1)";
/** One word of 50,000 characters. */
export const LONG_WORD = "Donaudampfschiff".repeat(3125);

export const HOSTILE_TEXTS = [
  `<script>${RUN}</script> in a sentence that is long enough to be read as a passage`,
  `</script><script>${RUN}</script> after the end of the script that holds the report`,
  `<img src=x onerror="${RUN}"> and <svg onload="${RUN}"> and <iframe srcdoc="<script>${RUN}</script>">`,
  `"><body onload='${RUN}'> '); ${RUN}; (' \`\${${RUN}}\` quotes of every kind “„«»”`,
  `<!-- <script> a comment that is not closed, {{report}} and {{script}} and $& and $1 and \\u003cscript>`,
  "هذا نص باللغة العربية من اليمين إلى اليسار مع كلمات English في الوسط وأرقام 12345",
  "זהו טקסט בעברית שנכתב מימין לשמאל, עם סוגריים (כאלה) ומילים in English באמצע",
  "A right-to-left override \u202Egnp.exe\u202C, isolates \u2067left open, zero widths \u200B\u200D\uFEFF and a bell \u0007",
  "👩‍👩‍👧‍👦 🏳️‍🌈 🇰🇷 e\u0301e\u0301 Z̷̡̛͎a̴l̸g̶o̷ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 and a lone half \ud83d of a pair",
  LONG_WORD,
  "javascript:alert(1) data:text/html,<script>alert(1)</script> &lt;b&gt; &amp; &#x3c;script&#x3e;",
  "line one\nline two\r\nline three\u2028line four\ttab\u0085next " + "\n".repeat(200) + "the end",
];

/** A report whose every text, name and label is hostile. */
export function hostile() {
  const n = HOSTILE_TEXTS.length;
  const names = [
    "__proto__",
    "constructor",
    `<script>${RUN}</script>`,
    `"><img src=x onerror=${RUN}>`,
    `${"very-long-name-".repeat(60)}.txt`,
    "مصدر.txt",
  ];
  const sources = names.map((source, i) => ({
    source,
    documents: [
      {
        document: source,
        title: HOSTILE_TEXTS[i],
        url: ["javascript:alert(1)", "data:text/html,x", " java\nscript:alert(1)", "https://example.org/\"><script>", "//example.org", "file:///etc/passwd"][i],
        date: ["<b>2025</b>", "2025-99-99", "2025-06-23", "", "0000-00-00", "12 May"][i],
        author: `<i>${i}</i>`,
        language: ["en\" onload=\"x", "ar", "x", "he", "", "zz-<b>"][i],
      },
    ],
    passages: 2,
    outliers: i === 5 ? 2 : 0,
    in_duplicate_groups: 2,
  }));
  const theme = (cluster_id, label, members) => ({
    cluster_id,
    label,
    keywords: [label, "<b>keyword</b>", LONG_WORD.slice(0, 4000), "\u202Eoverride"],
    keyword_shares: [1, 0.001, 0, 0.5],
    keyword_coverage: 1,
    size: members.length,
    n_distinct: members.length,
    n_sources: members.length / 2,
    sources: names.slice(members[0] / 2, members.at(-1) / 2 + 1).map((source) => ({ source, passages: 2 })),
    languages: [{ language: null, passages: members.length }],
    spread: 1,
    cohesion: 0.5,
    nearest: { cluster_id: 1 - cluster_id, cosine: 0.1 },
    exemplars: members.slice(0, 3),
  });
  return {
    header: {
      refrain: "0.1.0",
      paths: [`<script>${RUN}</script>`, "__proto__", LONG_WORD.slice(0, 3000)],
      options: { include: [`<script>${RUN}</script>`], min_chars: 1, __proto__x: { toString: "1" } },
      model: { name: `<script>${RUN}</script>`, dim: 384, provider: "cpu", precision: "f32" },
      counts: { inputs: 6, documents: 6, sources: 6, passages: n, distinct_passages: n, tokens_embedded: 0, short_passages_left_out: 0, paragraphs_split: 0, outliers: 2, pairs: { exact: 0, near: 6, excerpt: 0, reworded: 0, across_sources: 0, left_out: 0 } },
    },
    warnings: HOSTILE_TEXTS.map((message) => ({ warning: "damaged", message })),
    sources,
    themes: [theme(0, `<script>${RUN}</script> · "><img src=x onerror=${RUN}>`, [0, 1, 2, 3, 4, 5]), theme(1, `${LONG_WORD.slice(0, 900)} · \u202Elabel`, [6, 7, 8, 9])],
    duplicate_groups: Array.from({ length: 6 }, (_, group) => ({
      group,
      kind: "near",
      size: 2,
      across_sources: false,
      n_pairs: 1,
      weakest_link: { cosine: null, jaccard: 0.5, containment: 0.5 },
      representative: 2 * group,
      members: [2 * group, 2 * group + 1],
    })),
    shared: names.map((_, i) => [i, i, 2]),
    passages: {
      document: HOSTILE_TEXTS.map((_, i) => Math.floor(i / 2)),
      start: HOSTILE_TEXTS.map((_, i) => (i % 2) * 60_000),
      end: HOSTILE_TEXTS.map((text, i) => (i % 2) * 60_000 + text.length),
      cluster: [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, -1, -1],
      similarity: HOSTILE_TEXTS.map(() => 0.5),
      group: HOSTILE_TEXTS.map((_, i) => Math.floor(i / 2)),
      x: HOSTILE_TEXTS.map((_, i) => (i * 5000) % 65_536),
      y: HOSTILE_TEXTS.map((_, i) => (i * 23_456) % 65_536),
      text: HOSTILE_TEXTS,
    },
    texts: { shown: n, of: n },
  };
}
