import type { KnownReport } from "../repro/known-by.ts";
import { wrap } from "./wrap.ts";

/**
 * The known repros whose reports a log shows, for people.
 *
 * @example renderKnownReports([], { width: 80 }) // "No known repro has this signature: ..."
 */
export function renderKnownReports(
  repros: readonly KnownReport[],
  { width }: { readonly width: number },
): string {
  if (repros.length === 0) {
    const none =
      "No known repro has this signature: of those that `dstate repros` lists, none says that the kernel log looks like this.";
    return wrap(none, { width }).join("\n");
  }
  return repros
    .map(({ id, title, upstream, lines }) =>
      [
        `This is what the repro ${id} shows (${lines.length === 1 ? "line" : "lines"} ${lines.join(", ")}):`,
        ...wrap(title, { width: width - 2 }).map((line) => `  ${line}`),
        ...upstream.map((link) => `  ${link}`),
        `  dstate run ${id}`,
      ].join("\n"),
    )
    .join("\n\n");
}
