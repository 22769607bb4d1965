import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import type { DebugKernel } from "../decode/decode.ts";
import type { Machine } from "../machine/machine.ts";
import { dumpMemory } from "../machine/memory-dump.ts";
import { openCore } from "./core-file.ts";
import { type WaitFacts, waitFactsSchema } from "./facts.ts";
import { placeOfKernel } from "./kernel-place.ts";

export interface AskOptions {
  readonly kernel: Pick<DebugKernel, "vmlinux" | "release">;
  /** Where the memory is written for a moment: as much as the machine has. */
  readonly dir: string;
}

/**
 * Ask a machine who waits for whom: its memory is written down, which takes it seconds of standing still, and read by
 * drgn. Nothing of the guest is asked, so it need not answer.
 *
 * @throws {UsageError} when the debug information is another kernel's.
 * @throws {InfraError} when the memory cannot be written or read; {MissingProgramError} without drgn.
 * @see https://drgn.readthedocs.io
 * @example const facts = await askMachine(vm.machine, { kernel, dir }, context);
 */
export async function askMachine(
  machine: Pick<Machine, "qmp" | "exited" | "pace" | "layersPath">,
  { kernel, dir }: AskOptions,
  context: Context,
): Promise<WaitFacts> {
  const { signal } = context;
  const base = join(dir, `memory-${process.pid}`);
  const dump = await step(
    context.progress,
    "write the machine's memory down",
    async () =>
      await dumpMemory(machine, base, { within: timeouts.evidence.memoryDump, signal, format: "elf" }),
  );
  try {
    return await step(context.progress, "read who waits for whom", async () => {
      const core = await openCore(dump.path);
      try {
        await core.describe(await placeOfKernel(core, kernel.vmlinux, { release: kernel.release, signal }));
      } finally {
        await core.close();
      }
      return await readWaits(dump.path, kernel.vmlinux, context);
    });
  } finally {
    await rm(dump.path, { force: true });
  }
}

const install = "Install drgn: Debian's package is python3-drgn, `pip install drgn` elsewhere.";

/**
 * See that drgn is here, before a machine stands still for it.
 *
 * @throws {MissingProgramError} when it is not.
 */
export async function requireDrgn({ signal }: Pick<Context, "signal">): Promise<void> {
  await command(["drgn", "--version"], { within: timeouts.host.ask, signal, install });
}

/** What the program in `drgn/` says of a dump. */
async function readWaits(core: string, vmlinux: string, context: Context): Promise<WaitFacts> {
  const { homeDir } = context.settings;
  const words = ["--quiet", "--no-default-symbols", "--core", core, "--symbols", vmlinux];
  const script = join(homeDir, "drgn", "waits.py");
  const { stdout } = await command(["drgn", ...words, script], {
    within: timeouts.host.drgn,
    signal: context.signal,
    install,
    // Nothing is written beside our own files, which may be another user's.
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  }).catch((error: unknown) => {
    if (error instanceof CommandError)
      throw new InfraError(`drgn could not read the machine's memory: ${error.stderr.trim().slice(-1500)}`, {
        cause: error,
        next: "dstate reads it with drgn 0.0.22 and newer: `drgn --version` says which one is here.",
      });
    throw error;
  });
  const parsed = waitFactsSchema.safeParse(parseJson(stdout));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InfraError(
    `what drgn read is not what was expected: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}
