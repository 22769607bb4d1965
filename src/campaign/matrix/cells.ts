import { UsageError } from "../../base/errors.ts";
import type { Axes, Cell, CellChoice } from "../../lab/cell.ts";
import { chooseCell } from "../../lab/cell.ts";
import { cellsOf } from "../../repro/cells.ts";
import type { ReproDefinition } from "../../repro/define.ts";

/** The values that a user asks for on each axis; an axis that is not named keeps its first value. */
export interface MatrixChoice {
  readonly kernel?: readonly string[] | undefined;
  readonly node?: readonly string[] | undefined;
  readonly env?: readonly Readonly<Record<string, string>>[] | undefined;
  readonly image?: readonly Cell["image"][] | undefined;
  readonly axes?: Readonly<Record<string, readonly string[]>> | undefined;
}

/**
 * The cells of a matrix: every combination of the values asked for. When nothing is asked for, the cells by which
 * the repro shows its failure and the failure's absence; with `all`, an axis that is not named takes all its
 * values.
 *
 * @throws {UsageError} for an axis or a value that the repro does not have.
 * @example chooseCells(repro, { kernel: ["6.1.106", "6.1.115"] }, { all: false }).length // 2
 */
export function chooseCells(
  repro: { readonly axes: Axes; readonly cells: ReproDefinition<never>["cells"] },
  choice: MatrixChoice,
  options: { readonly all: boolean; readonly image?: Cell["image"] | undefined },
): Cell[] {
  const { axes } = repro;
  const asked = [
    choice.kernel,
    choice.node,
    choice.env,
    choice.image,
    ...Object.values(choice.axes ?? {}),
  ].some((values) => values !== undefined);
  if (!asked && !options.all) return unique(Object.values(cellsOf(repro, options)).flat());
  const rest = <Value>(values: readonly Value[] | undefined): readonly (Value | undefined)[] =>
    options.all && values !== undefined ? values : [undefined];
  let choices: CellChoice[] = [{}];
  const vary = <Value>(
    values: readonly Value[],
    set: (choice: CellChoice, value: Value) => CellChoice,
  ): void => {
    if (values.length === 0) throw new UsageError("an axis of the matrix has no values");
    choices = choices.flatMap((one) => values.map((value) => set(one, value)));
  };
  vary(choice.kernel ?? rest(axes.kernel), (one, kernel) => ({ ...one, kernel }));
  vary(choice.node ?? rest(axes.node), (one, node) => ({ ...one, node }));
  vary(choice.env ?? rest(axes.env), (one, env) => ({ ...one, env }));
  vary(choice.image ?? [undefined], (one, image) => ({ ...one, image }));
  const own = options.all ? { ...axes.own, ...choice.axes } : (choice.axes ?? {});
  for (const [name, values] of Object.entries(own))
    vary(values, (one, value) => ({ ...one, axes: { ...one.axes, [name]: value } }));
  return unique(choices.map((one) => chooseCell(axes, one, options)));
}

function unique(cells: readonly Cell[]): Cell[] {
  return [...new Map(cells.map((cell) => [JSON.stringify(cell), cell])).values()];
}

/**
 * Kernel selectors or versions, separated by commas. A comma inside a path is none that separates.
 *
 * @example splitSelectors("6.1.115,deb:6.12.43,git:/a,b@v6.1") // ["6.1.115", "deb:6.12.43", "git:/a,b@v6.1"]
 */
export function splitSelectors(text: string): string[] {
  return text
    .split(/,(?=\s*(?:\d|[a-z]+:|image\b))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/**
 * One alternative environment: assignments with spaces between them, or `none`. A space ends a value only where
 * another assignment follows, so values may have spaces and commas.
 *
 * @throws {UsageError} for what is no assignment.
 * @example parseEnvironment("NODE_OPTIONS=--jitless --no-opt UV_USE_IO_URING=0")
 */
export function parseEnvironment(text: string): Record<string, string> {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "none") return {};
  const pairs = trimmed.split(/\s+(?=[A-Za-z_][A-Za-z0-9_]*=)/).map((part) => {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(part) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`"${part}" is no environment`, {
        next: 'Write --env NAME=VALUE, --env "A=1 B=2" for two variables at once, or --env none.',
      });
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

/**
 * Values of one of the repro's own axes: `NAME=VALUE,VALUE`.
 *
 * @throws {UsageError} for anything else.
 * @example parseAxis("workload=lstat,npm-ci") // ["workload", ["lstat", "npm-ci"]]
 */
export function parseAxis(text: string): [name: string, values: string[]] {
  const [, name, list = ""] = /^([A-Za-z_][A-Za-z0-9_-]*)=(.*)$/s.exec(text) ?? [];
  const values = list.split(",").filter((value) => value !== "");
  if (name === undefined || values.length === 0)
    throw new UsageError(`"${text}" names no values of an axis`, { next: "Write --axis NAME=VALUE,VALUE." });
  return [name, values];
}
