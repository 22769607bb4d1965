import { type Examination, packageHere } from "../setup/examine.ts";
import { nameOf } from "../setup/needs.ts";
import { renderTable } from "./table.ts";

/** What a host has and lacks: each need, what was tried, and where dstate keeps things. */
export function renderDoctor(
  { needs, manager, findings }: Pick<Examination, "needs" | "manager" | "findings">,
  options: { readonly dstate: string; readonly cacheDir: string; readonly width: number },
): string {
  const rows = needs.map(({ need, path }) => [
    nameOf(need),
    path ?? "MISSING",
    packageHere(manager, need.package),
    need.part,
    need.for,
  ]);
  return [
    renderTable(["need", "found", "package", "part", "what for"], rows, options),
    ...findings.flatMap(({ what, text, next }) => [
      `${what}: ${text}`,
      ...(next === undefined ? [] : [`  ${next}`]),
    ]),
    `dstate: ${options.dstate}`,
    `Node: ${process.versions.node} at ${process.execPath}`,
    `cache: ${options.cacheDir}`,
  ].join("\n");
}
