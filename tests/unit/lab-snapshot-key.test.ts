import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import type { Context } from "../../src/index.ts";
import type { Shape } from "../../src/lab/parts.ts";
import { snapshotKey } from "../../src/lab/snapshot.ts";

let dir: string;
let context: Context;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "snapshot-key-"));
  await writeFile(join(dir, "qemu-system-x86_64"), "one");
  const settings = { ...readSettings(), path: `${join(dir, "missing")}:${dir}` };
  context = { settings, progress: () => {}, signal: new AbortController().signal };
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

const shape: Shape = {
  parts: {
    kernel: {
      boot: "/a/vmlinux",
      selector: "6.1.129",
      version: "6.1.129",
      id: "kernel-1",
      provenance: "a test",
    },
    image: { id: "image-1", kind: "debian", path: "/a/root.ext4", provenance: "a test", packages: {} },
  },
  accelerator: { type: "tcg" },
  cpus: 2,
  memory: 2 ** 30,
  evidenceDir: "/a/log",
};

test("a frozen machine is the same one wherever its files and its evidence are", async () => {
  const elsewhere: Shape = {
    ...shape,
    evidenceDir: "/another/log",
    parts: {
      kernel: { ...shape.parts.kernel, boot: "/b/vmlinux" },
      image: { ...shape.parts.image, path: "/b/root.ext4" },
    },
  };
  expect(await snapshotKey(elsewhere, context)).toBe(await snapshotKey(shape, context));
});

test.each<[string, Shape]>([
  ["kernel", { ...shape, parts: { ...shape.parts, kernel: { ...shape.parts.kernel, id: "kernel-2" } } }],
  ["image", { ...shape, parts: { ...shape.parts, image: { ...shape.parts.image, id: "image-2" } } }],
  ["number of processors", { ...shape, cpus: 1 }],
  ["memory", { ...shape, memory: 2 ** 31 }],
  ["network", { ...shape, network: "user" }],
  ["kernel command line", { ...shape, commandLine: ["quiet"] }],
  ["accelerator", { ...shape, accelerator: { type: "kvm" } }],
])("another %s is another frozen machine", async (_what, other) => {
  expect(await snapshotKey(other, context)).not.toBe(await snapshotKey(shape, context));
});

test("another build of QEMU finds none of what an earlier one has frozen", async () => {
  const before = await snapshotKey(shape, context);
  const qemu = join(dir, "qemu-system-x86_64");
  await writeFile(qemu, "two");
  // As an upgrade leaves it: the same size, another time.
  await utimes(qemu, new Date(), new Date(Date.now() + 60_000));
  expect(await snapshotKey(shape, context)).not.toBe(before);
});

test("without QEMU the user is told what is missing", async () => {
  const nowhere = { ...context, settings: { ...context.settings, path: join(dir, "missing") } };
  await expect(snapshotKey(shape, nowhere)).rejects.toThrow(/qemu-system-x86_64" is not installed/);
});
