import { oneLine } from "../base/text.ts";
import type { DocumentBody } from "./documents/documents.ts";
import { renderTable } from "./table.ts";

type Listed = DocumentBody<"repros">;

/** The repros there are, and below them what is wrong with those that cannot be loaded. */
export function renderRepros(
  repros: Listed["repros"],
  broken: Listed["broken"],
  options: { readonly width: number },
): string {
  const rows = [
    ...repros.map(({ id, title, badCell }) => [id, title, badCell]),
    ...broken.map(({ id }) => [id, "BROKEN: see below", ""]),
  ];
  return [
    renderTable(["repro", "what fails", "bad cell"], rows, options),
    ...broken.map(({ id, problem }) => `broken: ${id}\n  ${oneLine(problem)}`),
  ].join("\n");
}
