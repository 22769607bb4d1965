import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import { possibleFrames, type SymbolTable, symbolAt } from "../kernel-log/symbols.ts";
import type { CpuPosition } from "../platform/platform.ts";
import type { Machine } from "./machine.ts";

/** Where a virtual CPU stands, with names where the kernel's symbols are at hand. */
export interface CpuState extends CpuPosition {
  /** The function it is in, as `default_idle+0x7`. */
  readonly function?: string;
  /** Functions whose addresses are on its stack, innermost first: some are left from earlier calls. */
  readonly possibleFrames: readonly string[];
}

export interface MachineRegisters {
  /** QEMU's word for the machine: `running`, `paused`, `internal-error`, `io-error`, ... */
  readonly status: string;
  readonly cpus: readonly CpuState[];
  /** All registers as QEMU's monitor prints them. */
  readonly text: string;
}

const statusSchema = z.object({ status: z.string() });

/**
 * Where each virtual CPU of a machine stands. It is read from outside, a stuck CPU does not notice.
 *
 * @param options.symbols the kernel's System.map; it must not have been loaded at a random address.
 * @throws {DeadlineError} when QEMU does not answer in time.
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (memsave)
 * @example (await readRegisters(machine, { within: "3s", signal })).cpus[0]?.function // "default_idle+0x7"
 */
export async function readRegisters(
  machine: Pick<Machine, "platform" | "qmp" | "runPath" | "pace">,
  options: WaitOptions & { readonly symbols?: SymbolTable | undefined },
): Promise<MachineRegisters> {
  const { read, stackBytes } = machine.platform.registers;
  return await withDeadline("the CPUs' registers", { ...options, pace: machine.pace }, async (signal) => {
    const limits = { within: options.within, signal };
    const { status } = statusSchema.parse(await machine.qmp.call("query-status", {}, limits));
    const text = await machine.qmp.human("info registers -a", limits);
    const cpus: CpuState[] = [];
    for (const position of read(text)) {
      const { symbols } = options;
      const name = symbols && symbolAt(symbols, position.instruction);
      const stack = symbols && position.mode === "kernel" ? await readStack(position) : undefined;
      cpus.push({
        ...position,
        ...(name === undefined ? {} : { function: name }),
        possibleFrames: symbols && stack ? possibleFrames(symbols, stack) : [],
      });
    }
    return { status, cpus, text };

    async function readStack(position: CpuPosition): Promise<Buffer | undefined> {
      const file = join(machine.runPath, `stack-${position.cpu}`);
      const size = stackBytes - Number(position.stack & BigInt(stackBytes - 1));
      // A JavaScript number holds 53 bits, a kernel address 64: the human monitor takes it as text.
      const line = `memsave 0x${position.stack.toString(16)} ${size} "${file}"`;
      try {
        const command = { "command-line": line, "cpu-index": position.cpu };
        await machine.qmp.call("human-monitor-command", command, limits);
        // It is QEMU that made it: a link it might have put there is not followed.
        await using made = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
        return await made.readFile();
      } catch {
        // A wild stack pointer cannot be read: the registers say so already.
        signal.throwIfAborted();
        return undefined;
      } finally {
        await rm(file, { force: true });
      }
    }
  });
}

/**
 * Registers for people: one line a CPU, its possible frames, then everything as QEMU prints it.
 *
 * @example describeRegisters(registers).split("\n")[1] // "CPU 0: in the kernel, interrupts off, native_halt+0xa"
 */
export function describeRegisters(registers: MachineRegisters): string {
  const lines = [`QEMU says that the machine is: ${registers.status}`];
  for (const cpu of registers.cpus) {
    const facts = [
      cpu.mode === "kernel" ? "in the kernel" : "in user space",
      cpu.halted ? "idle" : `interrupts ${cpu.interrupts ? "on" : "off"}`,
      cpu.function ?? `at 0x${cpu.instruction.toString(16)}`,
    ];
    lines.push(`CPU ${cpu.cpu}: ${facts.join(", ")}`, ...cpu.possibleFrames.map((name) => `  ? ${name}`));
  }
  return `${lines.join("\n")}\n\n${registers.text.replaceAll("\r", "").trim()}\n`;
}
