import { sanitize } from "../base/text.ts";
import type { MappedLine } from "../campaign/map/run.ts";
import { describeLine, renderPicture } from "./map.ts";
import { type GateFacts, gate } from "./map-gate.ts";

/** A map as Markdown for an issue: the picture, the intervals, and the gates. */
export function mapMarkdown(
  lines: readonly MappedLine[],
  { version, ...about }: Omit<GateFacts, "lines"> & { readonly version: string },
): string {
  const facts: GateFacts = { ...about, lines };
  const cell = (text: string): string =>
    sanitize(text, { maxLength: 200 }).replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = lines.flatMap(({ name, releases, map }) =>
    map.intervals.map(({ from, to, state, tried, reproduced, clean }) => {
      const [first, last] = [releases[from]?.version ?? "", releases[to]?.version ?? ""];
      const span = from === to ? first : `${first} to ${last}`;
      const seen = reproduced + clean === 0 ? "" : `${reproduced} of ${reproduced + clean}`;
      return `| ${[name, span, state === "unknown" ? "not known" : state, `${tried} of ${to - from + 1}`, seen].map(cell).join(" | ")} |`;
    }),
  );
  const fence = (language: string, text: string): string[] => [`\`\`\`${language}`, text, "```", ""];
  return [
    `### Kernels with ${cell(facts.title)}`,
    "",
    ...fence("", lines.flatMap((line) => renderPicture(line, { width: 78 })).join("\n")),
    "█ bad, ▒ bad by its neighbours, o good, - good by its neighbours, ? not known, x cannot be tried",
    "",
    "| line | releases | it is | releases tried | trials that reproduced |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    ...lines.flatMap(describeLine).map((line) => `- ${cell(line)}`),
    "",
    ...fence("c", gate("c", facts)),
    ...fence("js", gate("node", facts)),
    ...fence("sh", gate("shell", facts)),
    `Made by \`dstate map ${cell(facts.repro)}\`, dstate ${version}.`,
  ].join("\n");
}
