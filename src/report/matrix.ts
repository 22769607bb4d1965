import { imageKinds } from "../base/settings.ts";
import { oneLine } from "../base/text.ts";
import type { MatrixRow } from "../campaign/matrix/drive.ts";
import type { MatrixPlan, Verdict } from "../campaign/matrix/matrix.ts";
import type { Cell } from "../lab/cell.ts";
import { describeCell } from "../lab/cell.ts";
import { fold, renderTable } from "./table.ts";

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
  return [
    ...(same === "" ? [] : [`In every cell: ${oneLine(same)}`]),
    renderCells(rows, varying, options),
    ...rows.flatMap((row) => remarksOn(row)),
  ].join("\n");
}

/**
 * A matrix that fills, for above the progress: its table alone, and no more of that than there is room for, the cells
 * that were tried first.
 *
 * @param room.height lines.
 */
export function renderMatrixSoFar(
  rows: readonly MatrixRow[],
  room: { readonly width: number; readonly height: number },
  plan: Pick<MatrixPlan, "confidence">,
): string {
  const options = { width: room.width, plan };
  const axes = axesOf(rows.map(({ cell }) => cell));
  const varying = axes.filter(({ values }) => new Set(values).size > 1);
  const isTried = rows.map(({ trials, problem }) => problem !== undefined || trials.length > 0);
  const only = <Item>(list: readonly Item[]): Item[] => list.filter((_, index) => isTried[index]);
  const tried = only(rows);
  const own = varying.map(({ name, values }) => ({ name, values: only(values) }));
  for (const [some, axes] of [[rows, varying] as const, [tried, own] as const]) {
    // A line of a grid holds as many cells as one of its two axes has values.
    const aLine = axes.length === 2 ? Math.max(...axes.map(({ values }) => new Set(values).size)) : 1;
    if (some.length > room.height * aLine) continue;
    const text = some.length === 0 ? "" : renderCells(some, axes, options);
    if (text.split("\n").length <= room.height) return text;
  }
  // Too many for a table: one line a cell.
  const lines = tried.map((row) =>
    oneLine(`${describeCell(row.cell)}: ${[verdictText(row), ...countTexts(row)].join(", ")}`).slice(
      0,
      room.width,
    ),
  );
  const left = lines.length - room.height;
  return left <= 0 ? lines.join("\n") : [...lines.slice(left + 1), `and ${left + 1} more`].join("\n");
}

function renderCells(
  rows: readonly MatrixRow[],
  varying: readonly Axis[],
  options: RenderMatrixOptions,
): string {
  const [down, across] = varying;
  return (
    (varying.length === 2 &&
      down &&
      across &&
      (renderGrid(rows, down, across, options) ?? renderGrid(rows, across, down, options))) ||
    renderRows(rows, varying, options)
  );
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

/** Values of axes that are longer than this may be broken to make a grid fit. */
const leastOfAxis = 20;

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
  // What a cell says is not broken; the values of axes may be, for nothing of them is lost.
  const foldedHead = head.map((value) => fold(value, leastOfAxis));
  const foldedBody = body.map(([value = "", ...cells]) => [fold(value, leastOfAxis), ...cells]);
  if (widthOf([foldedHead, ...foldedBody]) > options.width) return undefined;
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
