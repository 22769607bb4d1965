import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { probeAccelerator } from "../machine/accelerator.ts";
import { renderTable } from "../report/table.ts";
import { toJson } from "../repro/evidence.ts";
import { findNeeds, howToInstall } from "../setup/install.ts";
import { nameOf, packagesFor } from "../setup/needs.ts";
import type { Session } from "./session.ts";

/** `dstate doctor`: each need, found or not, and what acceleration really works. */
export function addDoctor(program: Command, session: Session): void {
  program
    .command("doctor")
    .description("show what this host has and lacks, and which acceleration really works")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate doctor")
    .action(async (options: { json?: boolean }) => {
      const context = await session.context();
      const found = await findNeeds(context, "tests");
      // Nix is for NixOS guests and for the tests.
      const missing = found.filter(({ need, path }) => path === undefined && need.part !== "nix");
      const kernel = await findCachedKernel(context);
      const acceleration = kernel
        ? await probeAccelerator(kernel, context).catch(() => undefined)
        : undefined;
      const word = acceleration
        ? `${acceleration.accelerator.type.toUpperCase()}: ${acceleration.because}`
        : "not tried: it takes a kernel to boot, and QEMU or every kernel is missing yet";
      if (options.json) {
        session.print(
          toJson({
            needs: found.map(({ need, path }) => ({ ...need, found: path ?? null })),
            acceleration: acceleration ?? null,
            node: process.versions,
          }),
        );
      } else {
        const rows = found.map(({ need, path }) => [
          nameOf(need),
          path ?? "MISSING",
          need.package,
          need.part,
          need.for,
        ]);
        session.print(
          renderTable(["need", "found", "Debian package", "part", "what for"], rows, {
            width: session.width,
          }),
        );
        session.print(
          `acceleration: ${word}\nNode: ${process.versions.node} at ${process.execPath}\ncache: ${context.settings.cacheDir}`,
        );
        if (missing.length > 0)
          session.print(await howToInstall(context, packagesFor(missing.map(({ need }) => need))));
      }
      process.exitCode = missing.length === 0 ? exitCode.clean : exitCode.infraError;
    });
}
