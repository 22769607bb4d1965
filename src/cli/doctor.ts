import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { describeVersion } from "../base/version.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { chooseCell } from "../lab/cell.ts";
import { renderDoctor } from "../report/doctor.ts";
import { examineHost } from "../setup/examine.ts";
import { makeKvmReport, renderKvmReport } from "../setup/kvm-report.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface DoctorOptions {
  readonly json?: boolean;
  readonly kvmReport?: boolean;
}

/** `dstate doctor`: each need, found or not, and what really works of what can be tried. */
export function addDoctor(program: Command, session: Session): void {
  const command = program
    .command("doctor")
    .description("show what this host has and lacks, and which acceleration really works")
    .option(
      "--kvm-report",
      "look at KVM alone, at length, for a report to whoever mends dstate; nothing is sent",
    )
    .option("--json", "one JSON document on standard output");
  withNotes(command, { examples: ["dstate doctor", "dstate doctor --kvm-report > kvm.txt"] }).action(
    async (options: DoctorOptions) => {
      if (options.kvmReport === true) return await kvmReport(session, options);
      const context = await session.context();
      const examination = await examineHost(context);
      const { needs, acceleration = null, findings, good } = examination;
      const dstate = await describeVersion();
      const { cacheDir } = context.settings;
      session.result(
        "doctor",
        {
          needs: needs.map(({ need, path }) => ({ ...need, found: path ?? null })),
          findings,
          acceleration,
          dstate,
          node: process.versions,
        },
        {
          json: options.json,
          text: () => renderDoctor(examination, { dstate, cacheDir, width: session.width }),
        },
      );
      process.exitCode = good ? exitCode.clean : exitCode.infraError;
    },
  );
}

async function kvmReport(session: Session, options: DoctorOptions): Promise<void> {
  const context = await session.context();
  const kernel = await findCachedKernel(context);
  const cell = chooseCell({ kernel: [kernel?.selector ?? "6.1.129"], node: ["20.9.0"] }, {});
  const report = await makeKvmReport(kernel, cell, context);
  session.result("doctor --kvm-report", report, {
    json: options.json,
    text: () => renderKvmReport(report),
  });
}
