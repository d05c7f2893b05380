// What was left out, split or repaired, and with which options the report was made.

import { useMemo } from "preact/hooks";
import { count, number, passages } from "./format.ts";
import { Pager, useShared, usePages } from "./parts.tsx";

const PAGE = 25;

export function Notes() {
  const { report } = useShared();
  const { header, warnings } = report.json;
  const { counts, options, model, paths } = header;
  const pages = usePages(warnings, PAGE, "");
  const minChars = options.min_chars;
  const rows = useMemo(
    () => [
      ["paths", paths.join("\n")] as const,
      ...flattened(options, ""),
      ...(model ? flattened(model, "model") : []),
      ["tokens embedded", number(counts.tokens_embedded)] as const,
    ],
    [report],
  );
  const isAnything = warnings.length > 0 || counts.short_passages_left_out > 0 || counts.paragraphs_split > 0;
  return (
    <section id="notes" aria-labelledby="notes-title">
      <h2 id="notes-title" tabIndex={-1} data-focus>
        Left out, split or repaired
      </h2>
      {!isAnything && <p>Nothing was.</p>}
      <ul class="warnings">
        {counts.short_passages_left_out > 0 && (
          <li>
            {passages(counts.short_passages_left_out)} shorter than {typeof minChars === "number" ? number(minChars) : "the least number of"}{" "}
            characters left out
          </li>
        )}
        {counts.paragraphs_split > 0 && (
          <li>{count(counts.paragraphs_split, "paragraph", "paragraphs")} longer than the model reads split at sentence ends</li>
        )}
        {pages.items.map(({ message }, i) => (
          <li key={pages.first + i}>
            <bdi>{message}</bdi>
          </li>
        ))}
      </ul>
      <Pager pages={pages} of="warnings" />
      <details class="more">
        <summary>Options and model</summary>
        <table class="options">
          <tbody>
            {rows.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <bdi>{value}</bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

/** Options as names and values, those in groups under “group: name”. */
function flattened(options: Record<string, unknown>, group: string): (readonly [string, string])[] {
  return Object.entries(options).flatMap(([key, value]) => {
    const name = `${group && `${group}: `}${key.replaceAll("_", " ")}`;
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value.join(", ")] as const];
    if (value !== null && typeof value === "object") return flattened(value as Record<string, unknown>, name);
    return value === null ? [] : [[name, typeof value === "number" ? written(value) : String(value)] as const];
  });
}

const written = (n: number): string => (Number.isInteger(n) ? number(n) : String(n));
