import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import { traceTo } from "../base/debug.ts";
import type { Progress } from "../base/progress.ts";
import { imageKinds, readSettings, type Settings } from "../base/settings.ts";
import { slowProgress } from "../base/slow-progress.ts";
import type { Moves } from "../machine/argv.ts";
import type { Lease } from "../machine/lease.ts";
import { reap } from "../machine/run-directory.ts";
import { runFolder } from "../record/run-folder.ts";
import type { Cell } from "./cell.ts";
import type { Parts } from "./parts.ts";
import type { PartsRequest, Preparation } from "./preparation.ts";
import { provideParts } from "./provide.ts";
import { type MachineShape, shapeOf } from "./shape.ts";
import { Vm } from "./vm.ts";

/** What a machine is made from, as one says it. */
export interface CellOptions {
  /** Kernel selector, such as `6.1.129`, `deb:6.12.43`, `git:/path@REV` or `file:/path/bzImage`. */
  readonly kernel: string;
  /** Node release in the guest, such as `20.9.0`. Default: none. */
  readonly node?: string | undefined;
  /** npm release to go with it. Default: none; the Node that dstate fetches comes without. */
  readonly npm?: PartsRequest["npm"] | undefined;
  /** Default: `DSTATE_IMAGE`, else `debian`. */
  readonly image?: Cell["image"] | undefined;
  /** A folder of the host whose files the guest finds in `/srv/work`. */
  readonly workload?: URL | string | undefined;
  /** What to add to them, made on the host. */
  readonly prepare?: Preparation | undefined;
  /** More kernel configuration, such as `CONFIG_MEMBARRIER=n`, for kernels that are built here. */
  readonly kernelFragments?: readonly string[] | undefined;
}

/** How a machine runs; everything has a default. */
export interface RunningOptions extends MachineShape {
  /** Environment of every command in the guest. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** `user`: the guest reaches beyond the machine. Default: `isolated`. */
  readonly network?: "isolated" | "user" | undefined;
  /** More words for the kernel's command line. */
  readonly commandLine?: readonly string[] | undefined;
  /** Boot, and neither use nor make a frozen machine. */
  readonly cold?: boolean | undefined;
  /** Record it into this folder, on one processor: `dstate replay` runs it again, instruction by instruction. */
  readonly recordInto?: string | undefined;
  /**
   * How the threads of a recorded guest are moved against each other.
   *
   * @internal
   */
  readonly recordedMoves?: Moves | undefined;
  /** How long a cold boot may take. */
  readonly bootWithin?: Within | undefined;
  /** What the run is about, in the name of its folder. Default: `vm`. */
  readonly name?: string | undefined;
  /** Where the console's log and all other evidence go. Default: a folder of its own below `logs`. */
  readonly evidenceDir?: string | undefined;
  /** The host's memory for this machine, which stays the caller's. Default: taken, and given back with the machine. */
  readonly room?: Lease | undefined;
  /** Default: read from the environment. */
  readonly settings?: Settings | undefined;
  /** Ends whatever is being waited for while the machine is made. */
  readonly signal?: AbortSignal | undefined;
  /** Default: a line on standard error about what takes longer than two seconds. */
  readonly progress?: Progress | undefined;
}

/** What {@link openVm} is told: a cell, or its parts when they are there already. */
export type OpenVmOptions = RunningOptions & (CellOptions | { readonly parts: Parts });

/**
 * Open a machine with a guest that answers, made from what the options name: fetched, built or found in the cache,
 * and started from a frozen machine where there is one. Dispose it to end it; nothing of it is left then but its
 * evidence.
 *
 * @throws {UsageError} for a kernel, Node or folder that does not exist.
 * @throws {InfraError} when something cannot be fetched or built, or the machine does not start.
 * @example
 * await using vm = await openVm({ kernel: "6.1.129", node: "20.9.0" });
 * const { stdout } = await vm.$`node -p process.versions.uv`;
 */
export async function openVm(options: OpenVmOptions): Promise<Vm> {
  const context = contextOf(options);
  const parts = "parts" in options ? options.parts : await partsOf(options, context);
  const evidenceDir = options.evidenceDir ?? runFolder(context.settings, options.name ?? "vm");
  await mkdir(evidenceDir, { recursive: true });
  // What a killed run left behind would take memory from this one.
  await reap(context.settings.runtimeDir);
  return await Vm.start(
    {
      parts,
      ...shapeOf(options),
      evidenceDir,
      env: options.env,
      network: options.network,
      bootWithin: options.bootWithin,
      commandLine: options.commandLine,
      cold: options.cold,
      recordInto: options.recordInto,
      recordedMoves: options.recordedMoves,
      room: options.room,
    },
    context,
  );
}

/**
 * The context of work for somebody who brings none.
 *
 * @example const context = contextOf({ signal });
 */
export function contextOf(options: Pick<RunningOptions, "settings" | "signal" | "progress">): Context {
  const settings = options.settings ?? readSettings();
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  if (settings.debug) traceTo(write);
  return {
    settings,
    signal: options.signal ?? new AbortController().signal,
    progress: options.progress ?? slowProgress(write),
  };
}

async function partsOf(options: CellOptions & RunningOptions, context: Context): Promise<Parts> {
  const { workload, kernelFragments } = options;
  const cell: Cell = {
    kernel: options.kernel,
    node: options.node,
    env: options.env ?? {},
    image: options.image ?? context.settings.image ?? imageKinds[0],
    axes: {},
  };
  const request: PartsRequest = {
    id: options.name ?? "vm",
    npm: options.npm,
    workload: typeof workload === "string" ? pathToFileURL(resolve(workload)) : workload,
    prepare: options.prepare,
    kernelFragments: kernelFragments && (() => kernelFragments),
  };
  return await provideParts(request, cell, context);
}
