import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bareEnvironment } from "../../src/base/program.ts";
import { readSettings } from "../../src/base/settings.ts";
import { type Confinement, confinedCommand, someIds } from "../../src/confine/confinement.ts";
import { layOut } from "../../src/confine/view.ts";
import { launch } from "../../src/machine/launch.ts";
import type { MachineOptions } from "../../src/machine/options.ts";
import { probeConfinement } from "../../src/machine/probe-confinement.ts";
import { makeRunDirectory, reap } from "../../src/machine/run-directory.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";

const { program } = guestPlatform.qemu;
const signal = new AbortController().signal;
const settings = readSettings();

/** A folder that is gone after the test. */
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "dstate-confine-"));
  onTestFinished(async () => await rm(path, { recursive: true, force: true }));
  return path;
}

let compiled: string;
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-hostile-"));
  compiled = join(dir, program);
  const source = new URL("fixtures/hostile-qemu.c", import.meta.url).pathname;
  execFileSync("gcc", ["-O1", "-o", compiled, source]);
  return async () => await rm(dir, { recursive: true });
});

/** What a program in QEMU's place could do, by what it tried. */
async function tryAsQemu(
  network: "isolated" | "user" = "isolated",
  force?: Confinement,
): Promise<{ tried: Map<string, string>; confinement: Confinement }> {
  const dir = await folder();
  const bin = join(dir, "bin");
  await mkdir(bin);
  await copyFile(compiled, join(bin, program));
  const secret = join(dir, "secret");
  await writeFile(secret, "of the host", { mode: 0o600 });
  const kernel = join(dir, "kernel of root's");
  await writeFile(kernel, "a kernel", { mode: 0o600 });
  const server = createServer().listen(0, "127.0.0.1");
  const name = `dstate-test-${process.pid}-${Math.random()}`;
  const abstract = createServer().listen(`\0${name}`);
  onTestFinished(() => {
    server.close();
    abstract.close();
  });
  await Promise.all(
    [server, abstract].map(async (each) => each.listening || (await once(each, "listening"))),
  );
  const address = server.address();
  const port = typeof address === "object" ? `${address?.port}` : "";
  const host = { path: `${bin}:${settings.path}`, busybox: settings.busybox };
  const runtimeRoot = join(dir, "run");
  await using directory = await makeRunDirectory(runtimeRoot);
  if (force) {
    // What a probe would have found on such a host.
    await probeConfinement(guestPlatform, host, { runtimeRoot, signal });
    const file = join(runtimeRoot, "confinement.json");
    const { key } = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...force, key }));
  }
  const options: MachineOptions = {
    platform: guestPlatform,
    accelerator: { type: "tcg" },
    cpus: 1,
    memory: 2 ** 26,
    kernel: { boot: kernel },
    commandLine: "",
    disks: [],
    network,
    hostname: "hostile",
    host,
    runtimeRoot,
    layersDir: join(dir, "layers"),
    evidenceDir: dir,
    signal,
  };
  process.env.DSTATE_TEST_TOKEN = "planted";
  onTestFinished(() => void delete process.env.DSTATE_TEST_TOKEN);
  const words = [secret, kernel, directory.own, port, name, join(bin, program)];
  const { child, confinement } = await launch(words, options, { directory, fed: false });
  const said = child.stderr ? await text(child.stderr) : "";
  const tried = new Map(
    said
      .trim()
      .split("\n")
      .map((line) => [line.split(/: | (?=\d+$)/)[0] ?? "", line.split(/: | (?=\d+$)/)[1] ?? ""]),
  );
  return { tried, confinement };
}

async function once(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  await new Promise<void>((resolve) => void emitter.once(event, () => resolve()));
}

const bootId = async (): Promise<string> => await readFile("/proc/sys/kernel/random/boot_id", "utf8");

/** What QEMU needs, and the only things that it can do. */
const needed = ["read what it is shown", "write in its own folder", "copy itself"];
const could = (tried: Map<string, string>): string[] =>
  [...tried].flatMap(([what, outcome]) => (outcome === "could" ? [what] : []));

describe("a program in QEMU's place", () => {
  test("reads no file of the host's, writes none, starts no program and reaches no network", async () => {
    const { tried, confinement } = await tryAsQemu();
    // Elsewhere `dstate doctor` says that nothing of this holds, and why.
    expect(confinement.because).toMatch(/in namespaces with its own files only, with no network/);
    expect(could(tried)).toEqual(needed);
    expect(tried.size).toBe(20);
    if (process.getuid?.() === 0) expect(Number(tried.get("user"))).toBeGreaterThan(60_000);
  });

  test("that is to reach the network has the host's, and still none of its files", async () => {
    const { tried } = await tryAsQemu("user");
    expect(could(tried).toSorted()).toEqual(
      [...needed, "reach the host's network", "reach an abstract socket"].toSorted(),
    );
  });

  test("can do all of it on a host without namespaces: the attempts are real ones", async () => {
    const { tried } = await tryAsQemu("isolated", {
      way: "none",
      ownNetwork: false,
      filter: false,
      because: "a test",
    });
    for (const what of [
      "read a file of the host's",
      "write to a file of the host's",
      "write in /tmp",
      "start a shell",
      "start a program of its own making",
      "reach the host's network",
      "reach an abstract socket",
      "see processes",
    ])
      expect(could(tried)).toContain(what);
    expect(could(tried)).not.toContain("know the host's environment");
    await rm("/tmp/dstate-hostile", { force: true });
  });

  test("is held as well where no root is, in namespaces of an ordinary user", async () => {
    const dir = await folder();
    const [root, own, shown, secret] = ["root", "own", "shown", "secret"].map((name) => join(dir, name));
    if (!root || !own || !shown || !secret) throw new Error("four paths");
    for (const each of [root, own]) await mkdir(each);
    for (const each of [shown, secret]) await writeFile(each, "");
    const ids = { uid: process.getuid?.() || 65534, gid: process.getgid?.() || 65534 };
    if (process.getuid?.() === 0) execFileSync("chown", ["-R", `${ids.uid}:${ids.gid}`, dir]);
    await chmod(dir, 0o755);
    const mounts = join(dir, "mounts");
    const qemu = join(dir, program);
    await copyFile(compiled, qemu);
    const view = { program: qemu, read: [shown], write: [], folders: [own], devices: [] };
    await writeFile(mounts, layOut(root, view, new Map()));
    const [first, ...rest] = confinedCommand(
      "user",
      { root, mounts, ids, groups: [], ownNetwork: settings.busybox },
      [qemu, secret, shown, own, "1", "none", qemu],
    );
    execFileSync("chown", ["-R", `${ids.uid}:${ids.gid}`, dir]);
    const { spawn } = await import("node:child_process");
    const env = bareEnvironment(settings);
    const child = spawn(first, rest, { ...ids, env, stdio: ["ignore", "ignore", "pipe"] });
    const said = await text(child.stderr);
    expect(said.match(/^.*(?=: could$)/gm)).toEqual(needed);
  });
});

test("dies with who started it, in whatever way it is held", async () => {
  for (const way of ["root", "user", "none"] as const) {
    const sandbox = { root: "/r", mounts: "/m", ids: someIds(), groups: [], ownNetwork: undefined };
    const words = confinedCommand(way, sandbox, ["/usr/bin/true"]);
    const last = words.lastIndexOf("--pdeathsig");
    // Nothing that changes the user comes after it: the kernel forgets the signal then.
    expect(words.slice(last)).toEqual(["--pdeathsig", "KILL", "--", "/usr/bin/true"]);
  }
});

describe("a folder for short-lived files", () => {
  test("that others may write to is not used, and nobody is ended on its word", async () => {
    const dir = await folder();
    await chmod(dir, 0o777);
    await expect(makeRunDirectory(dir)).rejects.toThrow(/may be written to by others/);
    await mkdir(join(dir, "m-planted"));
    const victim = { pid: process.pid, startTime: "0", boot: "another" };
    await writeFile(join(dir, "m-planted", "owner.json"), JSON.stringify({ owner: victim }));
    expect(await reap(dir)).toBe(0);
    expect(await readdir(dir)).toEqual(["m-planted"]);
  });

  test("of an earlier dstate, in whose folders sockets lay beside the owner, is cleared of what dead ones left", async () => {
    const root = await folder();
    const earlier = join(root, "m-early1");
    await mkdir(earlier);
    const dead = { pid: 2 ** 22 - 1, startTime: "1", boot: (await bootId()).trim() };
    await writeFile(join(earlier, "owner.json"), JSON.stringify({ owner: dead, qemu: dead }));
    await writeFile(join(earlier, "seed.img"), "keys");
    expect(await reap(root)).toBe(1);
    expect(await readdir(root)).toEqual([]);
  });

  test("holds who owns a machine out of the machine's reach", async () => {
    await using directory = await makeRunDirectory(join(await folder(), "run"));
    expect(directory.own.startsWith(`${directory.path}/`)).toBe(true);
    expect((await stat(directory.own)).mode & 0o077).toBe(0);
    expect(await readdir(directory.own)).toEqual([]);
  });
});
