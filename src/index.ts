/** The public interface of dstate, curated by hand. */
export type { Context } from "./base/context.ts";
export type { Duration } from "./base/duration.ts";
export { DeadlineError, DstateError, InfraError, InterruptedError, UsageError } from "./base/errors.ts";
export type { Settings } from "./base/settings.ts";
export { readSettings } from "./base/settings.ts";
export type { Size } from "./base/size.ts";
export type { ExecOptions, ExecResult, SpawnOptions } from "./guest/guest.ts";
export { CommandFailed, Guest } from "./guest/guest.ts";
export type { KillVerdict, StuckThread } from "./guest/kill-verdict.ts";
export type { PowerOffVerdict } from "./guest/power-off.ts";
export type { GuestProcess, ProcessExit, WaitOutcome } from "./guest/process.ts";
export type { ContainerFacts } from "./observe/container-facts.ts";
export { softLimit } from "./observe/container-facts.ts";
export type { Denial } from "./observe/denials.ts";
export { parseDenials } from "./observe/denials.ts";
export type { Finding, Frame, SourcePlace } from "./observe/finding.ts";
export type { FindingKind, Severity } from "./observe/kernel-log.ts";
export { findingKinds, KernelLogParser, parseKernelLog } from "./observe/kernel-log.ts";
export type { Ring } from "./observe/rings.ts";
export type { FindingPattern } from "./observe/signature.ts";
export {
  finding,
  fingerprint,
  holdsFrames,
  matchesFinding,
  primaryFinding,
  sameBug,
} from "./observe/signature.ts";
export type { TracedCall, TracedSignal, TraceEvent } from "./observe/strace.ts";
export { callsNamed, parseTrace, signalsNamed } from "./observe/strace.ts";
export type { StuckProcess, UserSide } from "./observe/stuck.ts";
export type { ThreadCause, ThreadEvidence } from "./observe/thread-creation.ts";
export { diagnoseThreads, threadCalls, threadEvidence } from "./observe/thread-creation.ts";
export type { ProcessSnapshot, StackFrame, Thread, ThreadState } from "./observe/threads.ts";
export type { Wait, WaitingTask } from "./observe/waits.ts";
export { describeWaits, readWaits } from "./observe/waits.ts";
export type { Axes, Cell, CellChoice } from "./repro/cell.ts";
export { chooseCell, describeCell } from "./repro/cell.ts";
export type { Collected, CollectOptions, Depth } from "./repro/collect-evidence.ts";
export { EvidenceCollector } from "./repro/collect-evidence.ts";
export type { PrepareContext, Repro, ReproDefinition, TrialContext } from "./repro/define.ts";
export { defineRepro } from "./repro/define.ts";
export type { Outcome } from "./repro/outcome.ts";
export type { TrialOptions, TrialResult } from "./repro/trial.ts";
export { provideParts, runTrial } from "./repro/trial.ts";
export type { KernelLog, Parts } from "./repro/vm.ts";
export { Vm } from "./repro/vm.ts";
export type { Bind, ContainerOptions } from "./runtime/bundle.ts";
export type { CompileOptions, Compiler } from "./runtime/compile.ts";
export { compile, compilerOf } from "./runtime/compile.ts";
export type { ContainerResult, RunOptions } from "./runtime/container.ts";
export { runContainer } from "./runtime/container.ts";
export { provideNode } from "./runtime/node.ts";
export { copyQemuUser, underQemuUser } from "./runtime/qemu-user.ts";
export type { SeccompProfile } from "./runtime/seccomp.ts";
export { answerWith, checkSeccomp, errno, provideSeccomp } from "./runtime/seccomp.ts";
export type { Trace, TraceOptions } from "./runtime/strace.ts";
export { runTraced } from "./runtime/strace.ts";
export type { TlsAudit } from "./runtime/tls.ts";
export { auditTls } from "./runtime/tls.ts";
