import type { Readable } from "node:stream";
import type { Pace } from "../base/pace.ts";
import type { Platform } from "../platform/platform.ts";
import type { Accelerator, Disk, MachineArguments, RecordingArguments } from "./argv.ts";
import type { ConfinementHost } from "./probe-confinement.ts";

/** A state that a machine goes on from. */
export interface Incoming {
  /** Opens the state's stream, which is read once. */
  readonly open: () => Promise<Readable>;
  /** Whether the guest's memory is in the stream, or in the memory file. */
  readonly memory: "in the stream" | "in a file";
  /** The guest's public ssh host key. */
  readonly hostKey: Buffer;
  /** What the guest was told about itself, when it is to stay the one it was. */
  readonly identity?: { readonly clientKey: string; readonly seedDisk: string } | undefined;
}

/** What a machine is started with. */
export interface MachineOptions {
  readonly platform: Platform;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: { readonly boot: string; readonly initrd?: string | undefined };
  readonly commandLine: string;
  /** Without the seed disk, which the machine adds. The first one is the root. */
  readonly disks: readonly Disk[];
  readonly network: MachineArguments["network"];
  readonly tellsGeneration?: MachineArguments["tellsGeneration"];
  readonly hostname: string;
  /** Memory as a file and a state to go on from: see `freezeMachine`. */
  readonly memoryFile?: MachineArguments["memoryFile"];
  readonly incoming?: Incoming | undefined;
  /** Programs of this host: QEMU is looked for in its path. */
  readonly host: ConfinementHost;
  /** Record it, or run what was recorded. */
  readonly recording?: (RecordingArguments & { readonly seedDisk?: string | undefined }) | undefined;
  /** Short-lived files go below this folder. */
  readonly runtimeRoot: string;
  /** What the guest writes to its private disks goes below this folder, which is made if it is not there. */
  readonly layersDir: string;
  /** Evidence goes into this folder: console.log, qemu.log, qemu-arguments.json. */
  readonly evidenceDir: string;
  readonly signal: AbortSignal;
  /** How much slower this host is than the one of the table of time-outs, and who is told when it is busy. */
  readonly pace?: Partial<Pick<Pace, "factor" | "onStretch">> | undefined;
}
