import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { timeouts } from "../base/timeouts.ts";
import type { Guest } from "../guest/guest.ts";
import type { ReproView } from "./define.ts";

/**
 * Bring the reporter's screen into a guest: the workload in a loop on top, `ps` of its process in the middle, and
 * a prepared `kill -9` at the bottom. The guest needs tmux and procps.
 *
 * @returns the command that shows it, for a terminal in the guest.
 * @throws {CommandFailed} when the guest does not take the script.
 * @example await vm.guest.interact({ command: await prepareView(vm.guest, view, options), signal });
 */
export async function prepareView(
  guest: Guest,
  view: ReproView,
  options: { homeDir: string; signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const script = await readFile(join(options.homeDir, "vm", "view", "view.sh"), "utf8");
  const place = "/run/dstate/view.sh";
  await guest.exec(`cat > ${place}`, { input: script, within: timeouts.guest.copy, signal: options.signal });
  return ["sh", place, view.folder, view.process, view.command];
}
