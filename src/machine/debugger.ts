import { existsSync } from "node:fs";
import { join } from "node:path";
import { InfraError } from "../base/errors.ts";
import type { Machine } from "./machine.ts";

/**
 * Let a debugger come to a machine: QEMU's own gdb server, on a socket that only this user can come to. A port would be
 * one of the network that QEMU is held in, where no gdb of this host is.
 *
 * @returns the socket's path, as `target remote` takes it.
 * @throws {InfraError} when QEMU refuses.
 * @see https://www.qemu.org/docs/master/system/gdb.html
 */
export async function openDebugger(
  machine: Pick<Machine, "qmp" | "runPath">,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const path = join(machine.runPath, "gdb");
  // It is there for as long as the machine, and listens again after each debugger; QEMU refuses a second one.
  if (existsSync(path)) return path;
  const said = await machine.qmp.human(`gdbserver unix:${path},server=on,wait=off`, {
    signal: options.signal,
  });
  if (!/waiting for gdb connection/i.test(said))
    throw new InfraError(`QEMU opened no gdb server: ${said.trim().slice(0, 300)}`);
  return path;
}
