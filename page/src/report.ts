// What the page is given, and the same with what the views look up in it: which document a passage
// stands in, which passages a theme, a group or a source has. Nothing here is computed that the
// report says already; columns become typed arrays, so that 100,000 passages stay light.

export type Kind = "exact" | "near" | "excerpt" | "reworded";
export const KINDS: readonly Kind[] = ["exact", "near", "excerpt", "reworded"];

export interface DocumentShown {
  document: string;
  title?: string | null;
  url?: string | null;
  date?: string | null;
  author?: string | null;
  language?: string | null;
}

export interface SourceShown {
  source: string;
  documents: DocumentShown[];
  passages: number;
  outliers?: number;
  old_passages?: number;
  in_duplicate_groups?: number;
}

export interface Theme {
  cluster_id: number;
  parent?: number | null;
  label: string;
  keywords: string[];
  keyword_shares: number[];
  keyword_coverage: number;
  size: number;
  n_distinct: number;
  n_sources: number;
  sources: { source: string; passages: number }[];
  /** By ISO 639-1 code; null where it is not known. */
  languages: { language: string | null; passages: number }[];
  spread: number;
  cohesion: number;
  nearest: { cluster_id: number; cosine: number } | null;
  exemplars: number[];
}

export interface BroaderTheme {
  parent: number;
  label: string;
  keywords: string[];
  keyword_shares: number[];
  keyword_coverage: number;
  size: number;
  themes: number[];
}

export interface DuplicateGroup {
  group: number;
  kind: Kind;
  size: number;
  across_sources: boolean;
  n_pairs: number;
  weakest_link: { cosine?: number | null; jaccard: number; containment: number };
  representative: number;
  members: number[];
  boilerplate?: { source: string; documents: number; of_documents: number }[];
}

export interface CurvePoint {
  n_clusters: number;
  silhouette: number;
  standard_error: number;
}

export interface Counts {
  inputs: number;
  documents: number;
  sources: number;
  passages: number;
  old_passages?: number;
  distinct_passages: number;
  tokens_embedded: number;
  short_passages_left_out: number;
  paragraphs_split: number;
  outliers?: number;
  pairs?: Record<Kind, number> & { across_sources: number; left_out: number };
}

/** The JSON in the page. */
export interface ReportJson {
  header: {
    refrain: string;
    paths: string[];
    options: Record<string, unknown>;
    model: { name: string; dim: number; provider: string; precision: string; [field: string]: unknown } | null;
    counts: Counts;
  };
  warnings: { warning: string; message: string }[];
  sources: SourceShown[];
  clustering?: {
    n_clusters: number;
    inertia: number;
    n_iterations?: number | null;
    criterion: string;
    curve: CurvePoint[];
  };
  themes?: Theme[];
  broader_themes?: BroaderTheme[];
  duplicate_groups?: DuplicateGroup[];
  shared?: [number, number, number][];
  passages: {
    /** Numbers in the report, where the page holds a part of it. */
    id?: number[];
    document: number[];
    start: number[];
    end: number[];
    cluster?: number[];
    similarity?: number[];
    group?: number[];
    x?: number[];
    y?: number[];
    text: (string | null)[];
  };
  texts?: Share;
  points?: Share;
  groups?: Share;
}

/** How much of something is in the page. */
export interface Share {
  shown: number;
  of: number;
}

/** A document, with the source it is of. */
export interface DocumentOf extends DocumentShown {
  source: number;
  /** Passages `first..last` stand in it, where its passages follow each other, as they do. */
  first: number;
  last: number;
}

export interface SourceOf extends SourceShown {
  /** Its name without the folder that all sources are in. */
  name: string;
  /** Its place among the sources by passages, from 0: what its colour and mark come from. */
  rank: number;
  /** Documents `firstDocument..lastDocument` are its. */
  firstDocument: number;
  lastDocument: number;
}

export interface Report {
  json: ReportJson;
  n: number;
  /** The folder that all sources are in, with its slash, or "". */
  folder: string;
  sources: SourceOf[];
  documents: DocumentOf[];
  themes: Theme[] | null;
  broader: BroaderTheme[];
  groups: DuplicateGroup[] | null;
  /** By passage; −1 where a passage has none. */
  documentOf: Int32Array;
  sourceOf: Int32Array;
  themeOf: Int32Array;
  groupOf: Int32Array;
  /** By passage; null where the report has no map. */
  x: Float32Array | null;
  y: Float32Array | null;
  /** Passages of each theme that are in the page. */
  inTheme: Map<number, number>;
  themeById: Map<number, Theme>;
  broaderById: Map<number, BroaderTheme>;
  groupById: Map<number, DuplicateGroup>;
  sourceByName: Map<string, number>;
}

export function read(json: ReportJson): Report {
  const { passages } = json;
  const n = passages.document.length;
  const folder = commonFolder(json.sources.map(({ source }) => source));

  const sources: SourceOf[] = [];
  const documents: DocumentOf[] = [];
  json.sources.forEach((source, i) => {
    const firstDocument = documents.length;
    for (const document of source.documents) documents.push({ ...document, source: i, first: n, last: 0 });
    const name = source.source.slice(folder.length) || source.source;
    sources.push({ ...source, name, rank: 0, firstDocument, lastDocument: documents.length });
  });
  const byPassages = sources.map((_, i) => i).sort((a, b) => sources[b].passages - sources[a].passages || a - b);
  byPassages.forEach((source, rank) => (sources[source].rank = rank));

  const documentOf = Int32Array.from(passages.document);
  const sourceOf = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const document = documents[documentOf[i]];
    sourceOf[i] = document.source;
    document.first = Math.min(document.first, i);
    document.last = Math.max(document.last, i + 1);
  }

  const groups = json.duplicate_groups ?? null;
  const groupOf = passages.group ? Int32Array.from(passages.group) : new Int32Array(n).fill(-1);
  if (groups && !passages.group) for (const { group, members } of groups) for (const i of members) groupOf[i] = group;

  const themeOf = passages.cluster ? Int32Array.from(passages.cluster) : new Int32Array(n).fill(-1);
  const inTheme = new Map<number, number>();
  for (const theme of themeOf) inTheme.set(theme, (inTheme.get(theme) ?? 0) + 1);

  const hasMap = passages.x !== undefined && passages.y !== undefined && n > 0;
  return {
    json,
    n,
    folder,
    sources,
    documents,
    themes: json.themes ?? null,
    broader: json.broader_themes ?? [],
    groups,
    documentOf,
    sourceOf,
    themeOf,
    inTheme,
    groupOf,
    x: hasMap ? Float32Array.from(passages.x!) : null,
    y: hasMap ? Float32Array.from(passages.y!) : null,
    themeById: new Map((json.themes ?? []).map((theme) => [theme.cluster_id, theme])),
    broaderById: new Map((json.broader_themes ?? []).map((broader) => [broader.parent, broader])),
    groupById: new Map((groups ?? []).map((group) => [group.group, group])),
    sourceByName: new Map(sources.map(({ source }, i) => [source, i])),
  };
}

/** The longest folder that all names begin with, with its slash; "" for a single name without one. */
export function commonFolder(names: string[]): string {
  if (names.length === 0) return "";
  let common = names[0].slice(0, names[0].lastIndexOf("/") + 1);
  for (const name of names) {
    while (!name.startsWith(common)) common = common.slice(0, common.lastIndexOf("/", common.length - 2) + 1);
  }
  return common;
}

/** A document's name without the folder that all sources are in. */
export function documentName(report: Report, document: number): string {
  const { document: name } = report.documents[document];
  return name.startsWith(report.folder) ? name.slice(report.folder.length) : name;
}

export const textOf = (report: Report, passage: number): string | null => report.json.passages.text[passage];

/** A passage's number in the report. */
export const idOf = (report: Report, passage: number): number => report.json.passages.id?.[passage] ?? passage;

/** The passages of a document that are in the page, in its order. */
export function passagesOf(report: Report, document: number): number[] {
  const { first, last } = report.documents[document];
  const found = [];
  for (let i = first; i < last; i++) if (report.documentOf[i] === document) found.push(i);
  return found;
}
