import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { chooseCell } from "../lab/cell.ts";
import { renderTable } from "../report/table.ts";
import { toJson } from "../repro/evidence.ts";
import { examineHost, packageHere } from "../setup/examine.ts";
import { makeKvmReport, renderKvmReport } from "../setup/kvm-report.ts";
import { nameOf } from "../setup/needs.ts";
import type { Session } from "./session.ts";

interface DoctorOptions {
  readonly json?: boolean;
  readonly kvmReport?: boolean;
}

/** `dstate doctor`: each need, found or not, and what really works of what can be tried. */
export function addDoctor(program: Command, session: Session): void {
  program
    .command("doctor")
    .description("show what this host has and lacks, and which acceleration really works")
    .option(
      "--kvm-report",
      "look at KVM alone, at length, for a report to whoever mends dstate; nothing is sent",
    )
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate doctor\nExample: dstate doctor --kvm-report > kvm.txt")
    .action(async (options: DoctorOptions) => {
      if (options.kvmReport === true) return await kvmReport(session, options);
      const context = await session.context();
      const { needs, manager, acceleration, findings, good } = await examineHost(context);
      if (options.json) {
        session.print(
          toJson({
            needs: needs.map(({ need, path }) => ({ ...need, found: path ?? null })),
            findings,
            acceleration: acceleration ?? null,
            node: process.versions,
          }),
        );
      } else {
        const rows = needs.map(({ need, path }) => [
          nameOf(need),
          path ?? "MISSING",
          packageHere(manager, need.package),
          need.part,
          need.for,
        ]);
        const head = ["need", "found", "package", "part", "what for"];
        session.print(renderTable(head, rows, { width: session.width }));
        for (const { what, text, next } of findings) {
          session.print(`${what}: ${text}`);
          if (next !== undefined) session.print(`  ${next}`);
        }
        session.print(
          `Node: ${process.versions.node} at ${process.execPath}\ncache: ${context.settings.cacheDir}`,
        );
      }
      process.exitCode = good ? exitCode.clean : exitCode.infraError;
    });
}

async function kvmReport(session: Session, options: DoctorOptions): Promise<void> {
  const context = await session.context();
  const kernel = await findCachedKernel(context);
  const cell = chooseCell({ kernel: [kernel?.selector ?? "6.1.129"], node: ["20.9.0"] }, {});
  const report = await makeKvmReport(kernel, cell, context);
  session.print(options.json ? toJson(report) : renderKvmReport(report));
}
