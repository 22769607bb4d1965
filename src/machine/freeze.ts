import { createWriteStream } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { pause, type WaitOptions, withDeadline } from "../base/wait.ts";
import type { Machine } from "./machine.ts";
import { ignoreShared } from "./thaw.ts";

const statusSchema = z.object({ status: z.string().optional(), "error-desc": z.string().optional() });

/**
 * Stop a machine and write its device state to a file. Its memory is a shared file already and stays out of
 * the stream (`x-ignore-shared`). The machine cannot go on afterwards: end it, so that its disks are closed.
 *
 * @see https://www.qemu.org/docs/master/devel/migration/features.html
 * @throws {InfraError} when QEMU refuses.
 */
export async function freezeMachine(
  machine: Machine,
  statePath: string,
  options: WaitOptions,
): Promise<void> {
  await withDeadline("the machine to freeze", { ...options, pace: machine.pace }, async (signal) => {
    await machine.qmp.call("stop", {}, { signal });
    await machine.qmp.call("migrate-set-capabilities", ignoreShared, { signal });
    const socketPath = join(machine.runPath, "state");
    const arrived = Promise.withResolvers<Socket>();
    const server = createServer((socket) => arrived.resolve(socket));
    server.on("error", arrived.reject);
    try {
      await new Promise<void>((resolve) => server.listen(socketPath, resolve));
      await machine.qmp.call("migrate", { uri: `unix:${socketPath}` }, { signal });
      await pipeline(await arrived.promise, createWriteStream(statePath), { signal });
      for (;;) {
        const answer = statusSchema.parse(await machine.qmp.call("query-migrate", {}, { signal }));
        if (answer.status === "completed") return;
        if (answer.status === "failed" || answer.status === "cancelled") {
          throw new InfraError(
            `QEMU could not write the machine's state: ${answer["error-desc"] ?? answer.status}`,
          );
        }
        await pause("10ms", signal);
      }
    } finally {
      server.close();
    }
  });
}
