import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { silent } from "../../src/base/progress.ts";
import { parseRegistryAddress, parseRegistryReference } from "../../src/base/registry-address.ts";
import { readSettings } from "../../src/base/settings.ts";
import { Store } from "../../src/base/store.ts";
import { type Kept, readKept } from "../../src/lab/kept.ts";
import { giveKept, takeKept } from "../../src/lab/kept-in-registry.ts";
import { meddleWith, type RunningRegistry, startRegistry } from "./registry.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const { signal } = new AbortController();
let home = "";
let registry: RunningRegistry;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "dstate-kept-registry-"));
  registry = await startRegistry(join(home, "registry"));
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const contextOf = (who: string): Context => ({
  settings: readSettings({
    ...process.env,
    DSTATE_CACHE: join(home, who, "cache"),
    DSTATE_LOGS: join(home, who),
  }),
  progress: silent,
  signal,
});

/** A machine that was kept on somebody's host, by the look of its folder, on entries of the cache there. */
async function kept(who: string, change: (kept: Kept) => Kept = (same) => same): Promise<string> {
  const { cacheDir } = contextOf(who).settings;
  const limits = { within: "10s", signal } as const;
  for (const [part, key, file] of [
    ["kernels", "6.1.115-0123", "vmlinux"],
    ["images", "debian-0123", "root.ext4"],
    ["workloads", "x-0123", "work.ext4"],
  ] as const)
    await new Store(join(cacheDir, part)).findOrMake(key, limits, async (dir) => {
      await writeFile(join(dir, file), `${part} of everybody\n`);
      return {};
    });
  const folder = await mkdtemp(join(home, "kept-"));
  await writeFile(join(folder, "state.zst"), "memory");
  await writeFile(join(folder, "client-key"), "secret", { mode: 0o600 });
  const about: Kept = {
    schemaVersion: 1,
    keptAt: "2026-11-27T06:00:00.000Z",
    qemu: "1.0.0",
    machine: {
      ...{ accelerator: "tcg", cpus: 1, memory: 2 ** 30, commandLine: "", network: "isolated" },
      ...{ hostname: "x", memoryFile: true },
    },
    kernel: {
      ...{ selector: "6.1.115", version: "6.1.115", id: "6.1.115-0123", provenance: "made up" },
      boot: join(cacheDir, "kernels/6.1.115-0123/vmlinux"),
    },
    image: { id: "i", kind: "debian", path: join(cacheDir, "images/debian-0123/root.ext4"), provenance: "" },
    disks: [
      {
        kind: "layer",
        serial: "dstate-root",
        file: "root.qcow2",
        base: join(cacheDir, "images/debian-0123/root.ext4"),
      },
      {
        kind: "read-only",
        serial: "dstate-work",
        path: join(cacheDir, "workloads/x-0123/work.ext4"),
        format: "raw",
      },
    ],
    hostKey: "aaaa",
    state: "state.zst",
    bytes: 6,
  };
  await writeFile(join(folder, "kept.json"), JSON.stringify(change(about)));
  return folder;
}
const address = () => parseRegistryAddress(registry.address);

test("a kept machine goes through a registry with all that it stands on, and finds it in another cache", async () => {
  const there = await giveKept(await kept("one"), address(), contextOf("one"));
  expect(there.reference).toMatch(/:kept\.[0-9a-f]{20}$/);
  const to = join(home, "two/run/kept");
  await takeKept(parseRegistryReference(there.pinned), to, contextOf("two"));
  const own = join(home, "two/cache");
  const { kernel, disks } = await readKept(to);
  expect(kernel.boot).toBe(join(own, "kernels/6.1.115-0123/vmlinux"));
  expect(disks).toMatchObject([
    { base: join(own, "images/debian-0123/root.ext4") },
    { path: join(own, "workloads/x-0123/work.ext4") },
  ]);
  expect(await readFile(kernel.boot, "utf8")).toBe("kernels of everybody\n");
  expect(await readFile(join(to, "state.zst"), "utf8")).toBe("memory");
  expect((await stat(join(to, "client-key"))).mode & 0o077).toBe(0);
  expect((await stat(to)).mode & 0o077).toBe(0);
  expect(await readFile(join(to, "kept.json"), "utf8")).not.toContain("one/cache");
});

test("a kept machine that stands on a file of its host alone is not given", async () => {
  const folder = await kept("one", (about) => ({
    ...about,
    kernel: { ...about.kernel, boot: "/boot/vmlinuz" },
  }));
  await expect(giveKept(folder, address(), contextOf("one"))).rejects.toThrow("is of this host alone");
});

test.each([
  ["/etc/passwd", "of a file of any host"],
  ["cache:images/debian-0123/../../../etc/passwd", "of a path that climbs"],
  ["cache:snapshots/x/memory", "of another part of the cache"],
  ["cache:images/.locks/x", "of what is no entry"],
])("a kept machine of somebody who names %s (%s) is refused, and nothing of it stays", async (path) => {
  const folder = await kept("one");
  // As somebody else's dstate might write it.
  const { pinned } = await giveKept(folder, address(), contextOf("one"));
  const to = join(home, "three/run/kept");
  const forged = await forge(pinned, (about) => ({ ...about, image: { ...about.image, path } }));
  await expect(takeKept(parseRegistryReference(forged), to, contextOf("three"))).rejects.toThrow(
    "which is in no registry",
  );
  expect(await readdir(join(home, "three/run"))).toEqual([]);
});

/** Give the registry the same machine with another description of itself, as whoever may push there can. */
async function forge(pinned: string, change: (kept: Kept) => Kept): Promise<string> {
  const { pushEntry } = await import("../../src/supply/registry/push.ts");
  const { RegistryClient } = await import("../../src/supply/registry/client.ts");
  const { pullEntry } = await import("../../src/supply/registry/pull.ts");
  const reference = parseRegistryReference(pinned);
  const client = new RegistryClient(reference.address, [], signal);
  const store = new Store(join(home, "forged"));
  const name = `forged-${Math.random().toString(36).slice(2)}`;
  const entry = await store.findOrMake(name, { within: "10s", signal }, async (dir) => {
    await pullEntry(client, "kept", reference.name, dir, { signal });
    const text = await readFile(join(dir, "kept.json"), "utf8");
    await writeFile(join(dir, "kept.json"), JSON.stringify(change(JSON.parse(text))));
    return {};
  });
  const { digest } = await pushEntry(client, "kept", [`kept.${name}`], entry.dir, {
    signal,
    temporary: home,
  });
  return `${reference.address.text}@${digest}`;
}

test("dstate attach says what is wrong with one of a registry, and leaves nothing of it", async () => {
  const { pinned } = await giveKept(await kept("one"), address(), contextOf("one"));
  const attach = async (name: string): Promise<{ code: number | null; stderr: string }> =>
    await new Promise((resolve) => {
      const env = {
        ...process.env,
        DSTATE_CACHE: join(home, "four/cache"),
        DSTATE_LOGS: join(home, "four/logs"),
      };
      const child = execFile(
        process.execPath,
        [bin, "attach", name, "--", "true"],
        { env },
        (_error, _out, stderr) => resolve({ code: child.exitCode, stderr }),
      );
    });
  await mkdir(join(home, "four"), { recursive: true });
  await using between = await meddleWith(registry, async ({ url = "", method }, response) => {
    if (method !== "GET" || !url.includes("/blobs/")) return false;
    response.writeHead(200).end("something else");
    return true;
  });
  const changed = await attach(pinned.replace(registry.address, between.address));
  expect(changed.stderr).toMatch(/says of itself what it did not say|longer than|manifest of more than/);
  expect(changed.code).toBe(70);
  const runs = await readdir(join(home, "four/logs"));
  for (const run of runs) expect(await readdir(join(home, "four/logs", run))).toEqual(["run.json"]);
  // Whole, it is refused for what every kept machine is refused for: another QEMU's state.
  const whole = await attach(pinned);
  expect(whole.stderr).toContain("the machine was kept by QEMU 1.0.0");
  expect(whole.code).toBe(2);
});
