import type { Finding } from "../kernel-log/finding.ts";
import { matchesFinding } from "../kernel-log/signature.ts";
import type { Repro } from "./define.ts";

/** A repro whose report a kernel log shows. */
export interface KnownReport {
  readonly id: string;
  readonly title: string;
  readonly upstream: readonly string[];
  /** First lines of the findings that show it. */
  readonly lines: readonly number[];
}

/**
 * The repros whose reports a kernel log shows: each of the findings that the definition's `kernelLog` names is there.
 * Repros that show themselves in other ways than in the kernel log do not count.
 *
 * @example knownReports(findings, [repro])[0]?.id // "io-uring-dstate"
 */
export function knownReports(findings: readonly Finding[], repros: readonly Repro[]): KnownReport[] {
  return repros.flatMap(({ id, title, upstream, kernelLog }) => {
    if (!kernelLog) return [];
    const shown = kernelLog.map((pattern) => findings.find((finding) => matchesFinding(finding, pattern)));
    const lines = shown.flatMap((finding) => (finding ? [finding.firstLine] : []));
    return lines.length === kernelLog.length ? [{ id, title, upstream: [...upstream], lines }] : [];
  });
}
