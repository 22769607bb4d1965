import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import type { KernelSelector } from "../kernel/selector.ts";
import type { Image } from "./image.ts";

/** What is asked of an image. */
export interface ImageRequest {
  /** The kernel that it is for: one whose drivers are modules needs an image that has them. */
  readonly kernel?: KernelSelector | undefined;
  /** Another system than the plain guest, where there are several: `musl` for NixOS. */
  readonly nixosSystem?: string | undefined;
}

/**
 * A system that guests can have: everything that depends on it. tests/vm/guest-contract.test.ts says what each has to
 * do alike; a new one is a word of `imageKinds`, a file beside this one and a row of {@link file://./systems.ts}.
 */
export interface GuestSystem {
  /** As people write it. */
  readonly title: string;
  /**
   * Its root file system, on this machine: from the cache, or made now.
   *
   * @throws {UsageError} when it cannot be what is asked for.
   * @throws {InfraError} when it cannot be fetched or made.
   */
  readonly provide: (request: ImageRequest, context: Context) => Promise<Image>;
  /** How long a boot may take on a busy host that emulates its processors. */
  readonly bootWithin: Within;
  readonly init: Init;
  /**
   * Whether it surely has Perl, by which a clone's random pool is reseeded before its first command. Where not, QEMU's
   * device for that is there as well: what a kernel then does, and says, comes before the first command too.
   */
  readonly hasPerl: boolean;
  /** The shell that a person gets. */
  readonly loginShell: readonly string[];
}

/** What starts as process 1, and ends the system. */
export interface Init {
  /** What process 1 is called. */
  readonly name: string;
  /** Words for it on the kernel's command line. */
  readonly kernelParameters: readonly string[];
  /** Begins to power the guest off, and returns at once. */
  readonly powerOff: readonly string[];
  /** A shell command that ends when everything has started that a boot starts. */
  readonly settle: string;
  /** A shell command that has helpers end now that would end by themselves in some seconds, when they have idled. */
  readonly rest: string;
  /** A shell command that prints a line for each service that failed. */
  readonly failed: string;
  /** A shell command that prints the end of this boot's journal. */
  readonly journal: (mostBytes: number) => string;
  /** The file that tells one clone of a machine from another. */
  readonly machineIdFile: string;
  readonly shutdown: ShutdownLines;
}

/** A process that the last stage of a shutdown named. Older versions print no pid. */
export interface ShutdownProcess {
  readonly pid?: number;
  readonly comm: string;
}

/** What the last stage of a shutdown asks the kernel for. */
export type ShutdownRequest = "power-off" | "reboot" | "halt" | "kexec";

/** The lines that a shutdown prints on the console. A group of a pattern is what the line is about. */
export interface ShutdownLines {
  /** A step that was reached. */
  readonly target: RegExp;
  /** A unit whose stop job is waited for. */
  readonly stopJob: RegExp;
  /** A line of the last stage, which all of the following are. */
  readonly lastStage: RegExp;
  readonly sigterm: RegExp;
  readonly sigkill: RegExp;
  /** A process that gets SIGKILL: its pid and its name. */
  readonly killed: RegExp;
  /** The list of processes that are waited for. */
  readonly waitingFor: RegExp;
  readonly readProcesses: (list: string) => readonly ShutdownProcess[];
  readonly requests: readonly (readonly [RegExp, ShutdownRequest])[];
}
