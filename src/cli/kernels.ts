import type { Command } from "commander";
import { listKernels } from "../kernel/list.ts";
import { pinKernel } from "../kernel/pin.ts";
import type { KernelPin } from "../kernel/pins.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { renderAllKernels, renderKernels } from "../report/kernels.ts";
import { nixPinName } from "../supply/nix.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

/** `dstate kernels`: where kernels come from. */
export function addKernels(program: Command, session: Session): void {
  const kernels = program.command("kernels").description("list, get, build or pin kernels");
  addList(kernels, session);
  withNotes(
    kernels
      .command("pin <version>")
      .description("record a release: a sha256 that a signature vouches for, and where its source is")
      .option("--nixpkgs <commit>", "the commit of nixpkgs that carries it, so that Nix need not build it")
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate kernels pin 6.6.58"] },
  ).action(async (version: string, { json, ...options }: { nixpkgs?: string; json?: boolean }) => {
    const { pin, added } = await pinKernel(version, await session.context(), options);
    const text = (): string => describePin(pin, added);
    session.result("kernels pin", { added, pin }, { json, text });
  });
  for (const [word, description] of [
    ["get", "fetch a kernel, and build it if it is a source"],
    ["build", "the same: a source is built, a package unpacked"],
  ] as const) {
    withNotes(
      kernels
        .command(`${word} <selector>`)
        .description(description)
        .option("--debug-info", "with DWARF, so that `dstate dmesg` can name the source lines of call chains")
        .option("--json", "one JSON document on standard output"),
      { examples: [`dstate kernels ${word} 6.1.115`] },
    ).action(async (selector: string, { json, debugInfo }: { json?: boolean; debugInfo?: boolean }) => {
      const context = await session.context();
      const kernel = await provideKernel(parseKernelSelector(selector), context, { debugInfo });
      const text = (): string => `${kernel.boot}\n${kernel.provenance}`;
      session.result(`kernels ${word}`, kernel, { json, text });
    });
  }
}

function addList(kernels: Command, session: Session): void {
  withNotes(
    kernels
      .command("list", { isDefault: true })
      .description("kernels in the cache, pinned ones, and Debian's packages")
      .argument("[series]", "all kernels of a series, such as 6.1")
      .option("--all", "every kernel, a line each")
      .option("--json", "one JSON document on standard output, with every kernel"),
    { examples: ["dstate kernels", "dstate kernels list 6.1"] },
  ).action(async (series: string | undefined, { all, json }: { all?: boolean; json?: boolean }) => {
    const list = await listKernels(await session.context(), { age: "fresh" });
    const { width } = session;
    const isWhole = all === true || series !== undefined;
    const text = (): string =>
      isWhole ? renderAllKernels(list, { width, series }) : renderKernels(list, { width });
    session.result("kernels list", list, { json, text });
  });
}

function describePin(
  { version, sha256, url, elsewhere, nixpkgs, provenance }: KernelPin,
  added: boolean,
): string {
  return [
    `Linux ${version} ${added ? "is pinned now" : "is pinned already"}: ${sha256}`,
    `source: ${url ?? "the Debian archive's pool"}${elsewhere === undefined ? "" : `, or ${elsewhere}`}`,
    ...(nixpkgs === undefined ? [] : [`carried by nixpkgs ${nixpkgs.revision}`]),
    provenance,
    `With Nix: nix build .#kernel-${nixPinName(version)}; nothing has to be added to flake.nix.`,
  ].join("\n");
}
