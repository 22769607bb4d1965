import { imageKinds } from "../base/settings.ts";
import type { Cell } from "../lab/cell.ts";
import { type RunOptions, shellLine } from "../record/run.ts";
import type { Repro } from "./define.ts";

/**
 * The command that runs a trial of a cell again, with every axis said: defaults may change.
 *
 * @example rerunLine("io-uring-dstate", cell) // "dstate run io-uring-dstate --kernel 6.1.115 --node 20.9.0"
 */
export function rerunLine(id: string, cell: Cell): string {
  const pairs = (name: string, values: Readonly<Record<string, string>>): string[] =>
    Object.entries(values).flatMap(([key, value]) => [name, `${key}=${value}`]);
  return shellLine([
    "dstate",
    "run",
    id,
    "--kernel",
    cell.kernel,
    ...(cell.node === undefined ? [] : ["--node", cell.node]),
    ...(cell.image === imageKinds[0] ? [] : ["--image", cell.image]),
    ...pairs("--env", cell.env),
    ...pairs("--axis", cell.axes),
  ]);
}

/** What a run of a repro is about. */
export function aboutRepro({
  id,
  title,
  upstream,
}: Pick<Repro, "id" | "title" | "upstream">): Pick<RunOptions, "about" | "title" | "upstream"> {
  return { about: id, title, upstream };
}
