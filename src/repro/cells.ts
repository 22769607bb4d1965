import { type Cell, type CellChoice, chooseCell } from "../lab/cell.ts";
import type { Repro } from "./define.ts";
import type { Outcome } from "./outcome.ts";

/** The cells that show a repro's failure, and those that show its absence. */
export interface KnownCells {
  readonly bad: readonly Cell[];
  readonly control: readonly Cell[];
}

/**
 * The cells that a repro names, in guests of the kind that the settings ask for.
 *
 * @example cellsOf(repro, context.settings).bad[0]
 */
export function cellsOf(
  { axes, cells }: Pick<Repro, "axes" | "cells">,
  settings: { readonly image?: Cell["image"] | undefined },
): KnownCells {
  const { bad, control } = (settings.image && cells.images?.[settings.image]) ?? cells;
  const choose = (choice: CellChoice): Cell => chooseCell(axes, choice, settings);
  return { bad: bad.map(choose), control: control.map(choose) };
}

/**
 * What a check of a repro tries: its first bad cell and its first control, or all of them, with what each should show.
 *
 * @example checkedCells(repro, context.settings).map(({ cell }) => cell.kernel) // ["6.1.115", "6.1.129"]
 */
export function checkedCells(
  repro: Pick<Repro, "axes" | "cells">,
  settings: { readonly image?: Cell["image"] | undefined },
  options: { readonly all?: boolean | undefined } = {},
): { readonly cell: Cell; readonly expected: Outcome }[] {
  const { bad, control } = cellsOf(repro, settings);
  const take = (cells: readonly Cell[]): readonly Cell[] =>
    options.all === true ? cells : cells.slice(0, 1);
  return [
    ...take(bad).map((cell) => ({ cell, expected: "reproduced" as const })),
    ...take(control).map((cell) => ({ cell, expected: "clean" as const })),
  ];
}
