// Sources × sources: how many passages of duplicate groups two sources share. The numbers stand in
// the cells; the shade only repeats them.

import { useMemo } from "preact/hooks";
import { number, sources } from "./format.ts";
import { SourceLink, useShared } from "./parts.tsx";
import type { Report } from "./report.ts";

/** Sources shown: those that share most. */
const MAX_SOURCES = 12;
const SHADES = 5;

function sharing(report: Report): { order: number[]; shared: Map<string, number>; nSharing: number } {
  const withOthers = new Map<number, number>();
  const within = new Map<number, number>();
  const shared = new Map<string, number>();
  const add = (to: Map<number, number>, source: number, n: number) => to.set(source, (to.get(source) ?? 0) + n);
  for (const [a, b, n] of report.json.shared ?? []) {
    shared.set(`${a} ${b}`, n);
    shared.set(`${b} ${a}`, n);
    if (a === b) add(within, a, n);
    else {
      add(withOthers, a, n);
      add(withOthers, b, n);
    }
  }
  const all = [...new Set([...withOthers.keys(), ...within.keys()])];
  const by = (of: Map<number, number>, a: number, b: number) => (of.get(b) ?? 0) - (of.get(a) ?? 0);
  all.sort((a, b) => by(withOthers, a, b) || by(within, a, b) || a - b);
  return { order: all.slice(0, MAX_SOURCES), shared, nSharing: all.length };
}

export function Heat() {
  const { report, view, change } = useShared();
  const { order, shared, nSharing } = useMemo(() => sharing(report), [report]);
  const most = Math.max(1, ...order.flatMap((a) => order.map((b) => shared.get(`${a} ${b}`) ?? 0)));
  const shade = (n: number) => (n === 0 ? 0 : Math.max(1, Math.ceil((Math.sqrt(n) / Math.sqrt(most)) * SHADES)));
  return (
    <div class="heat">
      <h3 id="heat-title">Who shares with whom</h3>
      <p class="help">
        Passages of duplicate groups that two sources share; on the diagonal, those that come again within the source.
        {nSharing > order.length && ` The ${order.length} of ${sources(nSharing)} that share most.`} A number chooses its groups.
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="heat-title">
        <table>
          <thead>
            <tr>
              <td />
              {order.map((source, column) => (
                <th key={source} scope="col" title={report.sources[source].source}>
                  <span class="n">{column + 1}</span>
                  <span class="hidden"> {report.sources[source].name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.map((a, row) => (
              <tr key={a}>
                <th scope="row">
                  <span class="n">{row + 1}</span> <SourceLink source={a} />
                </th>
                {order.map((b) => {
                  const n = shared.get(`${a} ${b}`) ?? 0;
                  const isChosen = view.source === a && view.with === b;
                  return (
                    <td key={b} class={`shade-${shade(n)}${a === b ? " within" : ""}`}>
                      {n === 0 ? (
                        <>
                          <span class="nothing" aria-hidden="true">·</span>
                          <span class="hidden">none</span>
                        </>
                      ) : (
                        <button
                          type="button"
                          aria-pressed={isChosen}
                          title={`${report.sources[a].name} – ${report.sources[b].name}`}
                          onClick={() => change(isChosen ? { source: null, with: null } : { source: a, with: b })}
                        >
                          {number(n)}
                        </button>
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
