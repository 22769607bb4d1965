import { createServer } from "node:net";
import { InfraError } from "../base/errors.ts";
import type { Machine } from "./machine.ts";

/**
 * Let a debugger come to a machine: QEMU's own gdb server, on this host only.
 *
 * @returns its port on 127.0.0.1.
 * @throws {InfraError} when QEMU refuses.
 * @see https://www.qemu.org/docs/master/system/gdb.html
 */
export async function openDebugger(
  machine: Pick<Machine, "qmp">,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const port = await freePort();
  const said = await machine.qmp.human(`gdbserver tcp:127.0.0.1:${port}`, { signal: options.signal });
  if (!/waiting for gdb connection/i.test(said))
    throw new InfraError(`QEMU opened no gdb server: ${said.trim().slice(0, 300)}`);
  return port;
}

/** QEMU takes no port 0 here: one that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  if (typeof address !== "object" || address === null) throw new InfraError("this host has no free port");
  return address.port;
}
