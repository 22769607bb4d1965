import { connect, type Socket } from "node:net";
import { pause, type WaitOptions, withDeadline } from "../base/wait.ts";

/**
 * Connect to a UNIX socket that QEMU is about to make, which it does within milliseconds and tells nobody.
 *
 * @throws {DeadlineError} when it is not there in time.
 */
export async function connectSocket(path: string, options: WaitOptions): Promise<Socket> {
  return await withDeadline(`QEMU's socket ${path}`, options, async (signal) => {
    for (;;) {
      const socket = connect(path);
      const ready = Promise.withResolvers<void>();
      socket.once("connect", ready.resolve);
      socket.once("error", ready.reject);
      try {
        await ready.promise;
        // QEMU's end is told by the machine; a socket that breaks off only ends.
        socket.on("error", () => {});
        return socket;
      } catch (error) {
        socket.destroy();
        signal.throwIfAborted();
        if (!isNotThereYet(error)) throw error;
        await pause(2, signal);
      }
    }
  });
}

function isNotThereYet(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ECONNREFUSED")
  );
}
