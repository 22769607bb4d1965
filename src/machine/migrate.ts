import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { pause } from "../base/wait.ts";
import type { Machine } from "./machine.ts";
import type { Incoming } from "./options.ts";

const statusSchema = z.object({ status: z.string().optional(), "error-desc": z.string().optional() });

/**
 * Have QEMU write a stopped machine's state: its devices, and its memory unless that is a shared file already
 * (`x-ignore-shared`).
 *
 * @param into takes the stream, packed or not: the last of them ends it.
 * @throws {InfraError} when QEMU refuses, or the socket for it cannot be made.
 * @see https://www.qemu.org/docs/master/devel/migration/main.html
 * @example await migrateOut(machine, [createWriteStream(path)], { memory: "in a file", signal });
 */
export async function migrateOut(
  { qmp, runPath }: Pick<Machine, "qmp" | "runPath">,
  into: readonly (Writable | NodeJS.ReadWriteStream)[],
  options: Pick<Incoming, "memory"> & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const capabilities = [{ capability: "x-ignore-shared", state: options.memory === "in a file" }];
  const path = join(runPath, "state");
  const arrived = Promise.withResolvers<Socket>();
  // Whoever waits for it hears of it; nobody may be waiting yet.
  arrived.promise.catch(() => {});
  const onAbort = (): void => arrived.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const server = createServer((socket) => arrived.resolve(socket));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new InfraError(`the machine's state cannot be taken at ${path}: ${cause.message}`, { cause })),
      );
      // QEMU may have another user than we; nobody else reaches the folder.
      server.listen({ path, writableAll: true }, resolve);
    });
    await qmp.call("migrate-set-capabilities", { capabilities }, { signal });
    // A whole memory would take its time at QEMU's own limit, which is meant for networks.
    if (options.memory === "in the stream")
      await qmp.call("migrate-set-parameters", { "max-bandwidth": 2 ** 40 }, { signal });
    await qmp.call("migrate", { uri: `unix:${path}` }, { signal });
    await pipeline([await arrived.promise, ...into], { signal });
    for (;;) {
      const answer = statusSchema.parse(await qmp.call("query-migrate", {}, { signal }));
      if (answer.status === "completed") return;
      if (answer.status === "failed" || answer.status === "cancelled")
        throw new InfraError(
          `QEMU could not write the machine's state: ${answer["error-desc"] ?? answer.status}`,
        );
      await pause("10ms", signal);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    server.close();
  }
}
