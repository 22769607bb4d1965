import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { messageOf, UsageError } from "../base/errors.ts";
import { mappedObjects } from "../observe/tls.ts";
import { renderTable } from "../render/table.ts";
import { toJson } from "../repro/evidence.ts";
import { auditTls } from "../runtime/tls.ts";
import type { Session } from "./session.ts";

/** `dstate tls`: who takes the static TLS block. */
export function addTls(program: Command, session: Session): void {
  program
    .command("tls <target...>")
    .description(
      "thread-local storage of ELF files, or of every object in a process (by its pid), largest first",
    )
    .option("--symbols <n>", "how many variables of each object to show", "5")
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nA static object needs its place beside the program's own when it is loaded; glibc keeps about 1.6 KiB\n" +
        'for such objects, and dlopen fails with "cannot allocate memory in static TLS block" when they are used up.' +
        "\n\nExample: dstate tls ./addon.node\nExample: dstate tls 4242 --json",
    )
    .action(async (targets: string[], options: { symbols: string; json?: boolean }) => {
      const { signal } = await session.context({ quiet: true });
      const files = (await Promise.all(targets.map(objectsOf))).flat();
      const audits = await auditTls([...new Set(files)], { signal });
      if (options.json) return session.print(toJson(audits));
      if (audits.length === 0) return session.print("None of them has thread-locals.");
      session.print(
        renderTable(
          ["object", "bytes", "align", "model", "largest variables"],
          audits.map(({ object, bytes, align, model, symbols }) => [
            object,
            `${bytes}`,
            `${align}`,
            model,
            symbols
              .slice(0, Number(options.symbols) || 5)
              .map((symbol) => `${symbol.bytes} ${symbol.name}`)
              .join("\n"),
          ]),
          { width: session.width },
        ),
      );
    });
}

async function objectsOf(target: string): Promise<string[]> {
  if (!/^\d+$/.test(target)) {
    const head = await readFile(target).catch((error: unknown) => {
      throw new UsageError(`${target} cannot be read: ${messageOf(error)}`, {
        next: "Give an ELF file, or the pid of a process.",
      });
    });
    if (head.toString("latin1", 0, 4) !== "\x7fELF") {
      throw new UsageError(`${target} is no ELF file`, {
        next: "Give a program, a library or an addon (.node).",
      });
    }
    return [target];
  }
  const maps = await readFile(`/proc/${target}/maps`, "utf8").catch((error: unknown) => {
    throw new UsageError(`the memory map of process ${target} cannot be read: ${messageOf(error)}`, {
      next: "Check the pid, and that the process is yours.",
    });
  });
  const objects: string[] = [];
  for (const path of mappedObjects(maps)) {
    // As the process sees it: it may be in a container.
    const seen = `/proc/${target}/root${path}`;
    const head = await readFile(seen).catch(() => undefined);
    if (head?.toString("latin1", 0, 4) === "\x7fELF") objects.push(seen);
  }
  return objects;
}
