import { sanitize } from "../base/text.ts";
import type { Benches, Comparison } from "../bench/all.ts";
import type { Figures } from "../bench/statistics.ts";
import { renderTable } from "./table.ts";

/** What a person waits for, beside another checkout's where it was measured, and what could not be measured. */
export function renderBenchAll(
  { rows, failures }: Benches,
  options: { readonly width: number; readonly against?: string | undefined },
): string {
  const paired = rows.some(({ theirs }) => theirs !== undefined);
  const head = ["", "this dstate", ...(paired ? ["the other", "ratio"] : [])];
  const failed = failures.map(
    ({ name, checkout, message }) =>
      `${name} was not measured in ${checkout}: ${sanitize(message, { maxLength: 500 })}`,
  );
  const table = renderTable(
    head,
    rows.map(({ what, unit, ours, theirs, ratio }) => [
      what,
      text(ours, unit),
      ...(paired ? [theirs ? text(theirs, unit) : "", ratio?.toFixed(2) ?? ""] : []),
    ]),
    options,
  );
  return [
    ...(rows.length > 0 ? [table] : []),
    ...(paired ? [`the other: ${options.against}`] : []),
    ...failed,
  ].join("\n");
}

function text({ n, min, median, max }: Figures, unit: Comparison["unit"]): string {
  const digits = median < 10 ? 2 : 0;
  const [low, middle, high] = [min, median, max].map((value) => value.toFixed(digits));
  return n === 1 ? `${middle} ${unit}` : `${middle} ${unit} (${low} to ${high})`;
}
