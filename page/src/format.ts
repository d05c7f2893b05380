// Numbers, shares, dates and names as the page writes them: 12,345 · 0.75 · 33 % · 23 June 2025.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const number = (n: number): string => whole.format(n);

/** Two decimals, as for a cosine. */
export const decimal = (n: number): string => n.toFixed(2).replace("-", "−");

/** "1 passage", "12,345 passages". */
export const count = (n: number, one: string, many: string): string => `${number(n)} ${n === 1 ? one : many}`;

export const passages = (n: number): string => count(n, "passage", "passages");
export const sources = (n: number): string => count(n, "source", "sources");
export const documents = (n: number): string => count(n, "document", "documents");

/** A share of a whole in per cent; what is little but something is no 0. */
export function share(part: number, all: number): string {
  if (all === 0) return "–";
  const percent = (100 * part) / all;
  if (part > 0 && percent < 1) return "< 1 %";
  if (part < all && percent > 99) return "> 99 %";
  return `${Math.round(percent)} %`;
}

const LANGUAGES = new Intl.DisplayNames("en", { type: "language" });

/** "Portuguese" of "pt". */
export const language = (code: string | null): string => (code === null ? "not known" : (LANGUAGES.of(code) ?? code));

/** "bytes 6,654–7,093". */
export const bytes = (start: number, end: number): string => `bytes ${number(start)}–${number(end)}`;

const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];

/** "23 June 2025" of what begins as an ISO date; anything else stays as it is. */
export function date(text: string): string {
  const parts = /^(\d{4})-(\d{2})(?:-(\d{2}))?(?!\d)/.exec(text.trim());
  const month = parts && MONTHS[Number(parts[2]) - 1];
  if (!parts || !month) return text;
  return `${parts[3] ? `${Number(parts[3])} ` : ""}${month} ${parts[1]}`;
}

/** An address that may be followed: of the web, nothing that runs. */
export function webAddress(url: string | null | undefined): string | null {
  if (!url) return null;
  try {
    const { protocol, href } = new URL(url);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}

/** A name as far as it goes into a line or two. */
export const short = (name: string, most = 120): string => (name.length > most ? `${clipped(name, most)}…` : name);

/** The first `most` characters, never half of one. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? most - 1 : most);
}
