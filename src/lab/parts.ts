import type { Within } from "../base/deadline.ts";
import type { Image } from "../image/image.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Accelerator, Moves } from "../machine/argv.ts";
import type { Lease } from "../machine/lease.ts";
import type { NodeRuntime } from "../runtime/node.ts";

/** Everything a machine of a cell is made from, ready on the host's disk. */
export interface Parts {
  readonly kernel: Kernel;
  readonly image: Image;
  readonly node?: NodeRuntime | undefined;
  /** A file system that the guest mounts at /srv/work, written to privately. */
  readonly workload?: string | undefined;
}

/** A machine that is asked for. */
export interface VmOptions {
  readonly parts: Parts;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Environment of every command in the guest. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Where the console's log and all other evidence of this machine go. */
  readonly evidenceDir: string;
  readonly network?: "isolated" | "user" | undefined;
  readonly bootWithin?: Within | undefined;
  /** More words for the kernel's command line. */
  readonly commandLine?: readonly string[] | undefined;
  /** Boot, and neither use nor make a frozen machine. */
  readonly cold?: boolean | undefined;
  /** Record it from its first instruction on, into this folder: see `startRecorded`. */
  readonly recordInto?: string | undefined;
  /**
   * How the threads of a recorded guest are moved against each other.
   *
   * @internal
   */
  readonly recordedMoves?: Moves | undefined;
  /** The host's memory for this machine, which stays the caller's. Default: taken, which may wait, and given back. */
  readonly room?: Lease | undefined;
}

/** A machine that is asked for, with the accelerator it will run on. */
export interface Shape extends VmOptions {
  readonly accelerator: Accelerator;
  /** How many times slower this host is than the table of time-outs expects. Default: not at all. */
  readonly slowdown?: number | undefined;
}
