import { type Cell, type CellChoice, chooseCell } from "../lab/cell.ts";
import type { Repro } from "./define.ts";

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
