import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { firmwareBeside, layOut } from "../../src/confine/view.ts";

test("a QEMU that lies elsewhere than it was built for is shown its firmware, and told where that is", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-view-"));
  try {
    const program = join(dir, "qemu/bin/qemu-system-x86_64");
    const firmware = join(dir, "qemu/share/qemu");
    for (const folder of ["qemu/bin", "qemu/share/qemu", "root"])
      await mkdir(join(dir, folder), { recursive: true });
    await writeFile(program, "");
    expect(firmwareBeside(program)).toEqual([firmware]);
    const view = { program, read: [], write: [], folders: [], devices: [] };
    expect(layOut(join(dir, "root"), view, new Map())).toContain(
      `${firmware} ${join(dir, "root")}${firmware} `,
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("a distribution's own QEMU knows where its firmware is", () => {
  expect(firmwareBeside("/usr/bin/qemu-system-x86_64")).toEqual([]);
  expect(firmwareBeside("/nix/store/abc-qemu-9.1/bin/qemu-system-x86_64")).toEqual([]);
});
