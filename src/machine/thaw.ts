import { InfraError } from "../base/errors.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { Machine } from "./machine.ts";
import type { Incoming } from "./options.ts";

/** The first descriptor of QEMU behind its standard ones: where it is given the frozen state. */
const stateDescriptor = 3;

/**
 * Let a machine that was started with `-incoming defer` go on from the state on its descriptor 3.
 *
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (migrate-incoming)
 * @throws {InfraError} when QEMU cannot use the state; {DeadlineError} when it does not run in time.
 */
export async function thawMachine(
  machine: Pick<Machine, "qmp" | "race">,
  { memory }: Pick<Incoming, "memory">,
  options: WaitOptions,
): Promise<void> {
  await machine.race("the frozen machine to go on", options, async (signal) => {
    const loaded = Promise.withResolvers<void>();
    using _listener = machine.qmp.onEvent(({ name, data }) => {
      if (name !== "MIGRATION") return;
      if (data.status === "completed") loaded.resolve();
      if (data.status === "failed") loaded.reject(new InfraError("QEMU cannot go on from the frozen state"));
    });
    const capabilities = [
      { capability: "x-ignore-shared", state: memory === "in a file" },
      { capability: "events", state: true },
    ];
    await machine.qmp.call("migrate-set-capabilities", { capabilities }, { signal });
    await machine.qmp.call("migrate-incoming", { uri: `fd:${stateDescriptor}` }, { signal });
    await loaded.promise;
    // It was stopped when it was frozen, and still is.
    await machine.qmp.call("cont", {}, { signal });
  });
}
