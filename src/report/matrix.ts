import { imageKinds } from "../base/settings.ts";
import { oneLine } from "../base/text.ts";
import type { MatrixRow } from "../campaign/matrix/drive.ts";
import type { MatrixPlan, Verdict } from "../campaign/matrix/matrix.ts";
import type { Cell } from "../lab/cell.ts";
import { describeCell } from "../lab/cell.ts";
import { renderTable } from "./table.ts";

export interface RenderMatrixOptions {
  readonly width: number;
  readonly plan: Pick<MatrixPlan, "confidence">;
}

/**
 * A matrix for the terminal: as a grid where two axes vary and every combination is there, else one row a cell;
 * below it what was seen in each cell that fails, with the evidence. What is the same in all cells stands above.
 */
export function renderMatrix(rows: readonly MatrixRow[], options: RenderMatrixOptions): string {
  const axes = axesOf(rows.map(({ cell }) => cell));
  const varying = axes.filter(({ values }) => new Set(values).size > 1);
  // The usual image goes without saying, as it does in a cell's description.
  const fixed = axes.filter(
    (axis) => !varying.includes(axis) && !(axis.name === "image" && axis.values[0] === imageKinds[0]),
  );
  const same = fixed.map(({ name, values }) => `${name} ${values[0]}`).join(", ");
  const [down, across] = varying;
  const table =
    (varying.length === 2 && down && across && renderGrid(rows, down, across, options)) ||
    renderRows(rows, varying, options);
  return [
    ...(same === "" ? [] : [`In every cell: ${oneLine(same)}`]),
    table,
    ...rows.flatMap((row) => remarksOn(row)),
  ].join("\n");
}

interface Axis {
  readonly name: string;
  /** The value in each cell. */
  readonly values: readonly string[];
}

/** Every axis of the cells, whether it varies or not. */
function axesOf(cells: readonly Cell[]): Axis[] {
  const own = [...new Set(cells.flatMap(({ axes }) => Object.keys(axes)))];
  const axis = (name: string, value: (cell: Cell) => string): Axis => ({ name, values: cells.map(value) });
  return [
    axis("kernel", ({ kernel }) => kernel),
    axis("node", ({ node }) => node ?? "none"),
    axis("env", ({ env }) => envText(env)),
    axis("image", ({ image }) => image),
    ...own.map((name) => axis(name, ({ axes }) => axes[name] ?? "")),
  ];
}

function envText(env: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "none" : pairs.join("\n");
}

function renderGrid(
  rows: readonly MatrixRow[],
  down: Axis,
  across: Axis,
  options: RenderMatrixOptions,
): string | undefined {
  const [downValues, acrossValues] = [down, across].map(({ values }) => [...new Set(values)]);
  if (!downValues || !acrossValues || downValues.length * acrossValues.length !== rows.length)
    return undefined;
  const head = [`${down.name} \\ ${across.name}`, ...acrossValues];
  const body = downValues.map((value) => [
    value,
    ...acrossValues.map((other) => {
      const row = rows.find((_, index) => down.values[index] === value && across.values[index] === other);
      return row
        ? [verdictText(row), ...countTexts(row), rateText(row.verdict)].filter(Boolean).join("\n")
        : "";
    }),
  ]);
  // A grid whose words are broken is worse than rows.
  if (widthOf([head, ...body]) > options.width) return undefined;
  const table = renderTable(head, body, options);
  return `${table}\nBelow each count the interval of the rate, at ${percent(options.plan.confidence)}.`;
}

/** Columns that a table takes without breaking a line. */
function widthOf(table: readonly (readonly string[])[]): number {
  const columns = Math.max(...table.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...table.flatMap((row) => (row[column] ?? "").split("\n").map((line) => line.length))),
  );
  return widths.reduce((sum, width) => sum + width + 3, 1);
}

function renderRows(
  rows: readonly MatrixRow[],
  varying: readonly Axis[],
  options: RenderMatrixOptions,
): string {
  return renderTable(
    [...varying.map(({ name }) => name), "verdict", "trials", `rate (${percent(options.plan.confidence)})`],
    rows.map((row, index) => [
      ...varying.map(({ values }) => values[index] ?? ""),
      verdictText(row),
      countTexts(row).join("\n"),
      rateText(row.verdict),
    ]),
    options,
  );
}

function verdictText({ verdict, open }: MatrixRow): string {
  const { type, judged } = verdict;
  if (open && judged === 0) return type === "infra-error" ? type : "not tried yet";
  if (open) return `${type === "inconclusive" ? "not seen" : "fails"} so far`;
  return type === "infra-error" ? type : type.replace("-", " ");
}

function countTexts({ tally, verdict, trials }: MatrixRow): string[] {
  const earlier = trials.filter((trial) => trial.earlier).length;
  return [
    ...(verdict.judged === 0
      ? []
      : [`${tally.reproduced} of ${verdict.judged}`, ...(earlier > 0 ? [`(${earlier} earlier)`] : [])]),
    ...(tally.inconclusive > 0 ? [`${tally.inconclusive} inconclusive`] : []),
    ...(tally["infra-error"] > 0 ? [`${tally["infra-error"]} infra-error`] : []),
  ];
}

/** @example "23 to 88 %", "below 44 %" */
function rateText({ low, high, judged }: Verdict): string {
  if (judged === 0) return "";
  if (low === 0) return `below ${percent(high)}`;
  return high === 1 ? `above ${percent(low)}` : `${percent(low).replace(" %", "")} to ${percent(high)}`;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value < 1 || (value > 99 && value < 100) ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** What was seen in a cell that fails or could not be judged, and where. */
function remarksOn({ cell, trials, problem }: MatrixRow): string[] {
  const told = (["reproduced", "inconclusive", "infra-error"] as const).flatMap((outcome) => {
    const trial = trials.find((one) => one.outcome === outcome);
    return trial
      ? [`${outcome}: ${describeCell(cell)}\n  ${oneLine(trial.summary)}\n  evidence: ${trial.evidence}`]
      : [];
  });
  return problem === undefined
    ? told.slice(0, 1)
    : [...told.slice(0, 1), `not tried: ${describeCell(cell)}\n  ${oneLine(problem)}`];
}
