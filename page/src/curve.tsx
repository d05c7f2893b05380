// The mean silhouette by number of themes, with its standard error, and the number that was taken.

import { decimal, number } from "./format.ts";
import type { ReportJson } from "./report.ts";

const WIDTH = 420;
const HEIGHT = 170;
const MARGIN = { left: 44, right: 14, top: 18, bottom: 34 };

export function Curve({ clustering }: { clustering: NonNullable<ReportJson["clustering"]> }) {
  const { curve, n_clusters: taken, criterion } = clustering;
  const ks = curve.map((point) => point.n_clusters);
  const lows = curve.map((point) => point.silhouette - point.standard_error);
  const highs = curve.map((point) => point.silhouette + point.standard_error);
  const [least, most] = [Math.min(...lows), Math.max(...highs)];
  // By ratio: the numbers tried are farther apart as they grow.
  const [first, last] = [Math.log(Math.min(...ks)), Math.log(Math.max(...ks))];
  const x = (k: number) =>
    MARGIN.left + ((Math.log(k) - first) / (last - first || 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    MARGIN.top + ((most - value) / (most - least || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const sorted = [...curve].sort((a, b) => a.n_clusters - b.n_clusters);
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Mean silhouette for ${curve.length} numbers of themes; ${taken} was taken.`}>
        <line class="axis" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={HEIGHT - MARGIN.bottom} y2={HEIGHT - MARGIN.bottom} />
        {[most, least].map((value) => (
          <text key={value} class="tick" x={MARGIN.left - 8} y={y(value) + 4} text-anchor="end">
            {decimal(value)}
          </text>
        ))}
        <polyline class="line" points={sorted.map((point) => `${x(point.n_clusters)},${y(point.silhouette)}`).join(" ")} />
        {sorted.map(({ n_clusters: k, silhouette, standard_error: error }, i) => {
          const isTaken = k === taken;
          const isNamed = isTaken || i === 0 || i === sorted.length - 1;
          const isFree = isTaken || Math.abs(x(k) - x(taken)) > 22;
          return (
            <g key={k}>
              <line class="error" x1={x(k)} x2={x(k)} y1={y(silhouette - error)} y2={y(silhouette + error)} />
              <circle class={isTaken ? "taken" : "tried"} cx={x(k)} cy={y(silhouette)} r={isTaken ? 5 : 3} />
              {isNamed && isFree && (
                <text class={isTaken ? "tick taken" : "tick"} x={x(k)} y={HEIGHT - MARGIN.bottom + 16} text-anchor="middle">
                  {number(k)}
                </text>
              )}
            </g>
          );
        })}
        <text class="tick" x={(MARGIN.left + WIDTH - MARGIN.right) / 2} y={HEIGHT - 3} text-anchor="middle">
          number of themes
        </text>
        <text class="tick" x={MARGIN.left} y={10}>
          mean silhouette ± standard error
        </text>
      </svg>
      <figcaption>
        {number(taken)} themes: {criterion}.
      </figcaption>
    </figure>
  );
}
