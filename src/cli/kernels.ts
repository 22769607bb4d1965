import type { Command } from "commander";
import { formatBytes } from "../base/size.ts";
import { listKernels } from "../kernel/list.ts";
import { pinKernel } from "../kernel/pin.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { renderTable } from "../report/table.ts";
import { toJson } from "../repro/evidence.ts";
import type { Session } from "./session.ts";

/** `dstate kernels`: where kernels come from. */
export function addKernels(program: Command, session: Session): void {
  const kernels = program.command("kernels").description("list, get or build kernels");
  kernels
    .command("list", { isDefault: true })
    .description("kernels in the cache, pinned ones, and Debian's packages")
    .option("--json", "one JSON document on standard output")
    .action(async (options: { json?: boolean }) => {
      const list = await listKernels(await session.context(), { age: "fresh" });
      if (options.json) {
        session.print(toJson(list));
        return;
      }
      const rows = [
        ...list.cached.map((kernel) => [
          kernel.version,
          `in the cache, ${formatBytes(kernel.bytes)}${kernel.debugInfo ? ", with debug information" : ""}`,
          kernel.provenance,
        ]),
        ...list.releases.map((kernel) => [kernel.selector, "source", kernel.source]),
        ...list.packages.map((kernel) => [kernel.selector, "prebuilt", kernel.source]),
      ];
      session.print(renderTable(["--kernel", "state", "from"], rows, { width: session.width }));
    });
  kernels
    .command("pin <version>")
    .description("record a release's sha256 in vm/kernels.json, after a check of kernel.org's signature")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate kernels pin 6.6.58")
    .action(async (version: string, options: { json?: boolean }) => {
      const { pin, added } = await pinKernel(version, await session.context());
      const sentence = added ? "is pinned now" : "is pinned already";
      session.print(
        options.json
          ? toJson({ added, pin })
          : `Linux ${version} ${sentence}: ${pin.sha256}\n${pin.provenance}`,
      );
    });
  for (const [word, description] of [
    ["get", "fetch a kernel, and build it if it is a source"],
    ["build", "the same: a source is built, a package unpacked"],
  ] as const) {
    kernels
      .command(`${word} <selector>`)
      .description(description)
      .option("--debug-info", "with DWARF, so that `dstate dmesg` can name the source lines of call chains")
      .option("--json", "one JSON document on standard output")
      .addHelpText("after", `\nExample: dstate kernels ${word} 6.1.115`)
      .action(async (selector: string, { json, debugInfo }: { json?: boolean; debugInfo?: boolean }) => {
        const context = await session.context();
        const kernel = await provideKernel(parseKernelSelector(selector), context, { debugInfo });
        session.print(json ? toJson(kernel) : `${kernel.boot}\n${kernel.provenance}`);
      });
  }
}
