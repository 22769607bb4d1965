import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { requireDiskRoom } from "../../src/base/disk-room.ts";
import { InfraError } from "../../src/base/errors.ts";
import { diskFault, prepareLayers } from "../../src/machine/layers.ts";

const disks = [
  { serial: "dstate-root", path: "/cache/images/root.ext4", format: "raw", access: "private" },
  { serial: "dstate-node", path: "/cache/snapshots/x/root.qcow2", format: "qcow2", access: "read-write" },
] as const;
const machine = { disks, layersDir: "/cache/layers", evidence: "/logs/console.log" };

/** As QEMU 7.2 says it. */
const full = {
  device: "disk0",
  "node-name": "#block150",
  reason: "No space left on device",
  nospace: true,
  operation: "write",
  action: "stop",
};

describe("a disk of the host that fails a machine", () => {
  test.each([
    [
      full,
      "a disk of this host is full: the machine could not write to /cache/layers (No space left on device)",
    ],
    [
      { ...full, device: "disk1" },
      "a disk of this host is full: the machine could not write to /cache/snapshots/x (No space left on device)",
    ],
    // An older QEMU, and one that names the disk in another way.
    [
      { operation: "write", nospace: true, action: "stop" },
      "a disk of this host is full: the machine could not write to /cache/layers (No space left on device)",
    ],
    [
      { ...full, nospace: false, reason: "Input/output error", operation: "read", action: "report" },
      "a disk of this host fails to read or write: the machine could not read from /cache/layers (Input/output error)",
    ],
    [
      { ...full, nospace: false, reason: "Disk quota exceeded" },
      "this user's disk quota is used up: the machine could not write to /cache/layers (Disk quota exceeded)",
    ],
    [
      { ...full, nospace: false, reason: "Stale file handle" },
      "a disk of this host failed: the machine could not write to /cache/layers (Stale file handle)",
    ],
  ])("is told with its folder and what can be done: %j", (data, message) => {
    const fault = diskFault({ name: "BLOCK_IO_ERROR", data, at: 0 }, machine);
    expect(fault).toBeInstanceOf(InfraError);
    expect(fault).toMatchObject({ kind: "host", message, evidence: "/logs/console.log" });
    expect(fault?.next).toMatch(/^\S.*\.$/);
  });

  test("is told by no other word of QEMU's", () => {
    for (const name of ["STOP", "RESUME", "SHUTDOWN"])
      expect(diskFault({ name, data: full, at: 0 }, machine)).toBeUndefined();
  });
});

describe("the folder for what guests write", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-layers-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  });

  test("is made, and loses what a killed QEMU had not unlinked yet", async () => {
    const layers = join(dir, "layers");
    await prepareLayers(layers, { runtimeRoot: layers });
    await writeFile(join(layers, "vl.abcdef"), "old");
    await utimes(join(layers, "vl.abcdef"), 1, 1);
    await writeFile(join(layers, "vl.ghijkl"), "just made by another machine");
    await prepareLayers(layers, { runtimeRoot: layers });
    expect(await readdir(layers)).toEqual(["vl.ghijkl"]);
  });

  test("is no place where anything else is removed", async () => {
    await writeFile(join(dir, "mine"), "");
    await utimes(join(dir, "mine"), 1, 1);
    await prepareLayers(dir, { runtimeRoot: dir });
    expect(await readdir(dir)).toEqual(["mine"]);
  });

  test("on a disk with too little room is refused, with what can be done", async () => {
    const need = { bytes: 2 ** 60, for: "a machine", next: "Free some disk space." };
    await expect(requireDiskRoom(dir, need)).rejects.toMatchObject({
      name: "InfraError",
      message: expect.stringMatching(/^the disk of \S+ has [\d.]+ [KMG]iB free, and a machine may need \d+/),
      next: "Free some disk space.",
    });
  });
});
