import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { keyOf } from "../../src/base/store.ts";
import { cellKey } from "../../src/campaign/cell-key.ts";
import { debianImageKey } from "../../src/image/debian.ts";
import { guestSystems } from "../../src/image/systems.ts";
import type { Context } from "../../src/index.ts";
import { builtKernelKey } from "../../src/kernel/built-kernel.ts";
import { debianKernelKey } from "../../src/kernel/sources/deb.ts";
import { bootOptions } from "../../src/lab/boot.ts";
import type { Cell } from "../../src/lab/cell.ts";
import { doneBeforeFreeze } from "../../src/lab/freeze.ts";
import type { Shape } from "../../src/lab/parts.ts";
import { snapshotKey } from "../../src/lab/snapshot.ts";
import { type MachineArguments, qemuArguments } from "../../src/machine/argv.ts";
import { identifyQemu } from "../../src/machine/qemu-binary.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";
import { nodeKey } from "../../src/runtime/node.ts";

/*
 * What names things in the cache and in the ledger, as it was recorded before the tables of platforms, kernel sources
 * and guest systems were made. A change here throws away kernels, images, frozen machines or trials of users: it needs
 * a raised recipe or version where the key is made, and a line in the changelog.
 */
interface Recorded {
  readonly machines: Readonly<Record<string, readonly string[]>>;
  readonly commandLine: string;
  readonly cells: Readonly<Record<string, string>>;
  readonly keyed: string;
  readonly snapshotMachine: readonly string[];
  readonly built: string;
  readonly package: string;
  readonly image: string;
  readonly node: string;
  readonly nodeWithNpm: string;
}

const recorded: Recorded = JSON.parse(await readFile(new URL("fixtures/keys.json", import.meta.url), "utf8"));

const machine: MachineArguments = {
  platform: guestPlatform,
  accelerator: { type: "tcg" },
  cpus: 2,
  memory: 2 ** 30,
  kernel: "/cache/kernels/vmlinux",
  commandLine: "console=ttyS0 root=/dev/vda",
  disks: [
    { serial: "dstate-root", path: "/cache/images/a,b.ext4", format: "raw", access: "private" },
    { serial: "dstate-node", path: "/cache/node.ext4", format: "raw", access: "read-only" },
    { serial: "dstate-work", path: "/cache/work.ext4", format: "qcow2", access: "read-write" },
  ],
  qmpSocket: "/run/qmp",
  console: "/run/console",
  commandsSocket: "/run/commands",
  errorsSocket: "/run/errors",
  network: "isolated",
};

const machines: Readonly<Record<string, MachineArguments>> = {
  "emulated, boots, and has to be told when it goes on from a frozen one": {
    ...machine,
    tellsGeneration: true,
  },
  "under KVM, with an initrd and the network": {
    ...machine,
    accelerator: { type: "kvm" },
    initrd: "/cache/kernels/initramfs.cpio",
    network: "user",
    cpus: 1,
    memory: 2 ** 31 + 1,
    disks: [],
  },
  "is frozen": { ...machine, memoryFile: { path: "/run/memory,1", use: "freeze" } },
  "goes on from a frozen one": {
    ...machine,
    memoryFile: { path: "/cache/memory", use: "clone" },
    incoming: true,
  },
};

describe("QEMU's arguments are word by word the recorded ones for a machine that", () => {
  test.each(Object.entries(machines))("%s", (name, machine) => {
    expect(qemuArguments(machine)).toEqual(recorded.machines[name]);
  });
});

const shape: Shape = {
  parts: {
    kernel: { boot: "/k", selector: "6.1.129", version: "6.1.129", id: "kernel", provenance: "a test" },
    image: { id: "image", kind: "debian", path: "/i", provenance: "a test", packages: {} },
  },
  accelerator: { type: "tcg" },
  cpus: 2,
  memory: 2 ** 30,
  evidenceDir: "/log",
  commandLine: ["quiet"],
};
test("the guest's kernel gets word by word the recorded command line", () => {
  const context: Context = {
    settings: readSettings(),
    progress: () => {},
    signal: new AbortController().signal,
  };
  expect(bootOptions(shape, context).commandLine).toBe(recorded.commandLine);
});

describe("the cache has as ever, by the same name,", () => {
  test("a frozen machine", async () => {
    const dir = await mkdtemp(join(tmpdir(), "keys-"));
    try {
      await writeFile(join(dir, "qemu-system-x86_64"), "");
      const settings = { ...readSettings(), path: dir };
      const qemu = await identifyQemu(settings, guestPlatform);
      const key = await snapshotKey(shape, {
        settings,
        progress: () => {},
        signal: new AbortController().signal,
      });
      const { snapshotMachine: machine } = recorded;
      // The words that its guest had run by then are their own name: who changes them freezes machines anew.
      const done = doneBeforeFreeze(guestSystems.debian, guestPlatform);
      expect(key).toBe(keyOf({ recipe: 8, qemu, kernel: "kernel", image: "image", done, machine }));
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test("a kernel that was built here", () => {
    const key = builtKernelKey({
      name: "6.1.129",
      identity: "a".repeat(64),
      configuration: "CONFIG_A=y\nCONFIG_B=n\n",
      compiler: "gcc (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40",
    });
    expect(key).toBe(recorded.built);
  });

  test("a kernel of a package", () => {
    const parts = ["b", "c"].map((digit) => ({
      name: "linux-image",
      version: "6.12.43-1",
      depends: "",
      suite: "trixie",
      file: { url: "http://mirror.test/a.deb", size: 1, sha256: digit.repeat(64) },
    }));
    const key = debianKernelKey(
      { version: "6.12.43-1", parts },
      { init: "#!/bin/busybox sh\n", modules: ["virtio_blk", "ext4"], busyboxSha256: "d".repeat(64) },
    );
    expect(key).toBe(recorded.package);
  });

  test("an image", () => {
    const key = debianImageKey({
      wanted: { suite: "bookworm", packages: ["systemd", "openssh-server"] },
      extra: ["crun"],
      lock: { suite: "bookworm", architecture: "amd64", versions: { systemd: "252" } },
      rootfs: ["/etc/x - 0123"],
    });
    expect(key).toBe(recorded.image);
  });

  test("a Node, with and without an npm of its own", () => {
    expect(nodeKey("20.9.0", undefined)).toBe(recorded.node);
    expect(nodeKey("20.9.0", "10.1.0")).toBe(recorded.nodeWithNpm);
  });
});

describe("trials count for the recorded cell of the ledger with", () => {
  const cell: Omit<Cell, "kernel"> = {
    node: "20.9.0",
    env: { B: "2", A: "1" },
    image: "debian",
    axes: { seccomp: "default" },
  };
  test.each(Object.entries(recorded.cells))("%s", (name, key) => {
    const [kernel = "", image, id] = name.split(", ");
    const whole: Cell = { ...cell, kernel, image: image === "nixos" ? "nixos" : "debian" };
    expect(cellKey("a-repro", whole, { kernel: id })).toBe(key);
    expect(cellKey("a-repro", whole, { kernel: id, accelerator: "kvm" })).not.toBe(key);
  });
});

test("facts are turned into keys as ever", () => {
  expect(keyOf({ b: [1, "x", null], a: { d: undefined, c: true } })).toBe(recorded.keyed);
});
