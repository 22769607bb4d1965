import { constants, readlinkSync } from "node:fs";
import { access, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import { messageOf } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { bareEnvironment } from "../base/program.ts";
import type { Settings } from "../base/settings.ts";
import { keyOf } from "../base/store.ts";
import { oneLine } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { type Confinement, type ConfinementWay, filterArguments } from "../confine/confinement.ts";
import type { Platform } from "../platform/platform.ts";
import { findQemu } from "./qemu-binary.ts";
import { makeRunDirectory, requireOwn } from "./run-directory.ts";
import { prepareSandbox } from "./sandbox.ts";

/** Raised when what is tried changes. */
const recipe = 2;

const answerSchema = z.object({
  key: z.string(),
  way: z.enum(["root", "user", "none"]),
  ownNetwork: z.boolean(),
  filter: z.boolean(),
  because: z.string(),
});

/** What a confinement is made with: programs of this host. */
export type ConfinementHost = Pick<Settings, "path" | "busybox">;

/**
 * How far QEMU can be confined here: each way is tried with QEMU itself, the strongest first. The answer is kept for
 * this boot of the host, these namespaces and this QEMU.
 *
 * @param runtimeRoot this user's folder for short-lived files.
 * @throws {InfraError} when there is no QEMU.
 * @example (await probeConfinement(guestPlatform, settings, { runtimeRoot: settings.runtimeDir, signal })).way // "user"
 */
export async function probeConfinement(
  platform: Platform,
  host: ConfinementHost,
  { runtimeRoot, signal }: { readonly runtimeRoot: string; readonly signal: AbortSignal },
): Promise<Confinement> {
  const qemu = await findQemu(host, platform);
  await requireOwn(runtimeRoot);
  const file = join(runtimeRoot, "confinement.json");
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const namespaces = ["mnt", "user", "net"].map((name) => readlinkSync(`/proc/self/ns/${name}`));
  const key = keyOf({ recipe, qemu, boot, namespaces, uid: process.getuid?.(), busybox: host.busybox });
  const known = answerSchema.safeParse(parseJson(await readFile(file, "utf8").catch(() => "")));
  if (known.success && known.data.key === key) return known.data;
  const answer = await tryWays(qemu.path, host, { runtimeRoot, signal });
  // Whole at once: another process may be reading it.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify({ key, ...answer })}\n`);
  await rename(draft, file);
  return answer;
}

async function tryWays(
  program: string,
  host: ConfinementHost,
  run: { readonly runtimeRoot: string; readonly signal: AbortSignal },
): Promise<Confinement> {
  const hasBusybox = await access(host.busybox, constants.X_OK).then(
    () => true,
    () => false,
  );
  const attempt = async (
    way: ConfinementWay,
    ownNetwork: boolean,
    filter: boolean,
  ): Promise<string | undefined> => {
    await using directory = await makeRunDirectory(run.runtimeRoot);
    const confinement = { way, ownNetwork, filter, because: "" };
    const prepared = prepareSandbox({
      confinement,
      program,
      argv: [...(filter ? filterArguments : []), "-version"],
      files: { read: [], write: [], shared: [] },
      folders: [directory.own],
      network: ownNetwork ? "isolated" : "user",
      accelerator: "tcg",
      directory,
      path: host.path,
      busybox: host.busybox,
    });
    const onlyEnv = bareEnvironment(host);
    try {
      await command(await prepared, { within: timeouts.host.ask, signal: run.signal, onlyEnv });
      return undefined;
    } catch (error) {
      // Also where the user that it should have does not exist: a container's root may have no user but itself.
      run.signal.throwIfAborted();
      return oneLine(messageOf(error), { maxLength: 300 });
    }
  };
  const filter = (await attempt("none", false, true)) === undefined;
  const without = filter ? "" : "; this QEMU has no filter of system calls";
  const networks = hasBusybox ? [true, false] : [false];
  let why = "";
  for (const way of process.getuid?.() === 0 ? (["root", "user"] as const) : (["user"] as const))
    for (const ownNetwork of networks) {
      const failure = await attempt(way, ownNetwork, filter);
      if (failure === undefined) {
        const as = way === "root" ? "as a user of its own" : "as this user";
        const network = ownNetwork
          ? "with no network but the one to its guest"
          : `on the host's network (${hasBusybox ? why : `there is no busybox at ${host.busybox}`})`;
        const because = `QEMU runs ${as}, in namespaces with its own files only, ${network}${without}`;
        return { way, ownNetwork, filter, because };
      }
      why = failure;
    }
  const because = `QEMU runs as this user and in no namespaces, for this host allows none: ${why}${without}`;
  return { way: "none", ownNetwork: false, filter, because };
}
