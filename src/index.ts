/// <reference types="node" preserve="true" />
/** The public interface of dstate, curated by hand. */
export type { Context } from "./base/context.ts";
export type { Duration } from "./base/duration.ts";
export { DeadlineError, DstateError, InfraError, InterruptedError, UsageError } from "./base/errors.ts";
export type { Settings } from "./base/settings.ts";
export { readSettings } from "./base/settings.ts";
export type { Size } from "./base/size.ts";
export type { TlsAudit } from "./diagnose/audit-tls.ts";
export { auditTls } from "./diagnose/audit-tls.ts";
export type { Bind, ContainerOptions } from "./diagnose/bundle.ts";
export type { ContainerResult, RunOptions } from "./diagnose/container.ts";
export { runContainer } from "./diagnose/container.ts";
export type { ContainerFacts } from "./diagnose/container-facts.ts";
export { softLimit } from "./diagnose/container-facts.ts";
export { copyQemuUser, underQemuUser } from "./diagnose/qemu-user.ts";
export type { Trace, TraceOptions } from "./diagnose/run-traced.ts";
export { runTraced } from "./diagnose/run-traced.ts";
export type { SeccompProfile } from "./diagnose/seccomp.ts";
export { answerWith, checkSeccomp, errno, provideSeccomp } from "./diagnose/seccomp.ts";
export type { ThreadCause, ThreadEvidence } from "./diagnose/thread-creation.ts";
export { diagnoseThreads, threadCalls, threadEvidence } from "./diagnose/thread-creation.ts";
export type { TracedCall, TracedSignal, TraceEvent } from "./diagnose/trace.ts";
export { callsNamed, parseTrace, signalsNamed } from "./diagnose/trace.ts";
export type { ExecOptions, ExecResult } from "./guest/exec.ts";
export { CommandFailed } from "./guest/exec.ts";
export { Guest } from "./guest/guest.ts";
export type { KillVerdict, StuckThread } from "./guest/kill-verdict.ts";
export { hasOnStack } from "./guest/kill-verdict.ts";
export type { PowerOffVerdict } from "./guest/power-off.ts";
export type { GuestProcess, ProcessExit, SpawnOptions, WaitOutcome } from "./guest/process.ts";
export type { GuestCommand, GuestShell, GuestShellOptions } from "./guest/zx.ts";
export type { Denial } from "./kernel-log/denials.ts";
export { parseDenials } from "./kernel-log/denials.ts";
export type { Finding, Frame, SourcePlace } from "./kernel-log/finding.ts";
export type { FindingKind, Severity } from "./kernel-log/kernel-log.ts";
export { findingKinds, KernelLogParser, parseKernelLog } from "./kernel-log/kernel-log.ts";
export type { FindingPattern } from "./kernel-log/signature.ts";
export {
  finding,
  fingerprint,
  holdsFrames,
  matchesFinding,
  primaryFinding,
  sameBug,
} from "./kernel-log/signature.ts";
export type { Wait, WaitingTask } from "./kernel-log/waits.ts";
export { describeWaits, readWaits } from "./kernel-log/waits.ts";
export type { Axes, Cell, CellChoice } from "./lab/cell.ts";
export { chooseCell, describeCell } from "./lab/cell.ts";
export { npmProject } from "./lab/npm-project.ts";
export type { CellOptions, OpenVmOptions, RunningOptions } from "./lab/open.ts";
export { contextOf, openVm } from "./lab/open.ts";
export type { Parts, VmOptions } from "./lab/parts.ts";
export type { PartsRequest, Preparation, PrepareContext } from "./lab/preparation.ts";
export { provideParts } from "./lab/provide.ts";
export type { MachineShape } from "./lab/shape.ts";
export type { KernelLog } from "./lab/vm.ts";
export { Vm } from "./lab/vm.ts";
export { ConnectionLost, MachineFault } from "./machine/fault.ts";
export type { Ring } from "./process/rings.ts";
export type { StuckProcess, UserSide } from "./process/stuck.ts";
export type { ProcessSnapshot, StackFrame, Thread, ThreadState } from "./process/threads.ts";
export type { AuthorErrorOptions, AuthorsPart } from "./repro/author-error.ts";
export { AuthorError } from "./repro/author-error.ts";
export type { Collected, CollectOptions, Depth } from "./repro/collect-evidence.ts";
export { EvidenceCollector } from "./repro/collect-evidence.ts";
export type { Repro, ReproDefinition, TrialContext } from "./repro/define.ts";
export { defineRepro } from "./repro/define.ts";
export type { Outcome } from "./repro/outcome.ts";
export type { Problem } from "./repro/problem.ts";
export type { TrialOptions, TrialResult } from "./repro/trial.ts";
export { observationOf, runTrial } from "./repro/trial.ts";
export type { CompileOptions, Compiler } from "./runtime/compile.ts";
export { compile, compilerOf } from "./runtime/compile.ts";
export { provideNode } from "./runtime/node.ts";
export { fillNpmCache } from "./runtime/offline-npm.ts";
