import prettyMilliseconds from "pretty-ms";
import { describeEnd, type ExecCell, isBad } from "../campaign/exec/outcome.ts";
import { renderTable } from "./table.ts";

/**
 * What became of a command on each kernel: one row each, then where the evidence lies.
 *
 * @example renderExec(cells, { width: 80 })
 */
export function renderExec(cells: readonly ExecCell[], options: { readonly width: number }): string {
  const rows = cells.map((cell) => [
    nameOf(cell),
    endText(cell),
    cell.end ? prettyMilliseconds(cell.took, { secondsDecimalDigits: 1 }) : "",
    findingsText(cell),
    cell.powerOff ?? (cell.end ? "not asked" : ""),
  ]);
  const table = renderTable(["kernel", "command", "time", "kernel log", "power-off"], rows, options);
  const lines = cells.map((cell) => {
    const failure = cell.end && cell.failure !== undefined ? `\n  ${cell.failure}` : "";
    const taken = cell.taken.length === 0 ? "" : `\n  brought back: ${cell.taken.length} files`;
    return `${cell.outcome === "green" ? "well" : cell.outcome === "red" ? "not well" : "infra-error"}: ${cell.kernel}${failure}${taken}\n  evidence: ${cell.evidence}`;
  });
  return `${table}\n${lines.join("\n")}`;
}

function nameOf({ kernel, version }: ExecCell): string {
  return version === undefined || version === kernel ? kernel : `${kernel}\n(${version})`;
}

function endText(cell: ExecCell): string {
  if (!cell.end) return `infra-error: ${cell.failure ?? "nothing is known"}`;
  return describeEnd(cell.end);
}

function findingsText({ findings, end }: ExecCell): string {
  if (!end) return "";
  const bad = [...new Set(findings.filter(isBad).map(({ title }) => title))];
  const notices = findings.length - findings.filter(isBad).length;
  const more = bad.length > 3 ? [`and ${bad.length - 3} more`] : [];
  if (bad.length > 0) return [...bad.slice(0, 3), ...more].join("\n");
  return notices === 0 ? "nothing" : `${notices} notices`;
}
