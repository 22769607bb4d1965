import { MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { findDebugKernels } from "../decode/debug-kernel.ts";
import { type DebugKernel, decodeFindings } from "../decode/decode.ts";
import type { Finding } from "../kernel-log/finding.ts";
import type { LogReport } from "./read.ts";

/** A report whose call chains name lines of the source, as far as an image for them was found. */
export interface DecodedReport extends LogReport {
  /** The images that decoded something. */
  readonly decodedWith: readonly DebugKernel[];
}

/**
 * Decode a report's call chains with an image that the user chose.
 *
 * @throws {UsageError} when the image is not that of the log's kernel.
 */
export async function decodeWith(
  kernel: DebugKernel,
  report: LogReport,
  context: Pick<Context, "signal">,
): Promise<DecodedReport> {
  const findings = report.groups.map(({ finding }) => finding);
  if (!findings.some(({ frames }) => frames.length > 0)) return { ...report, decodedWith: [] };
  const decoding = await decodeFindings(findings, kernel, context);
  if (decoding.decoded === 0) {
    const why = decoding.refused.slice(0, 3).join("; ") || "none of the log's functions is in it";
    throw new UsageError(`${kernel.vmlinux} is not the kernel of this log: ${why}`, {
      next: "Name the vmlinux of exactly the build that the log is of; another one would give wrong lines.",
    });
  }
  return { ...withFindings(report, decoding.findings), decodedWith: [kernel] };
}

/**
 * Decode a report's call chains with what this machine has for the kernels that the log names; where it has
 * nothing, or another build of that kernel, they stay as they are.
 */
export async function decodeWhereKnown(report: LogReport, context: Context): Promise<DecodedReport> {
  let findings: readonly Finding[] = report.groups.map(({ finding }) => finding);
  const releases = new Set(findings.flatMap(({ kernel }) => (kernel === undefined ? [] : [kernel])));
  const decodedWith: DebugKernel[] = [];
  for (const release of [...releases].slice(0, 20)) {
    for (const kernel of await findDebugKernels(release, context)) {
      const decoding = await decodeFindings(findings, kernel, context).catch((error: unknown) => {
        // Nobody asked for it: a host without binutils reads the log all the same.
        if (error instanceof MissingProgramError) return undefined;
        throw error;
      });
      if (decoding === undefined || decoding.decoded === 0) continue;
      findings = decoding.findings;
      decodedWith.push(kernel);
      break;
    }
  }
  return { ...withFindings(report, findings), decodedWith };
}

function withFindings(report: LogReport, findings: readonly Finding[]): LogReport {
  const groups = report.groups.map((group, index) => ({
    ...group,
    finding: findings[index] ?? group.finding,
  }));
  return { ...report, groups };
}
