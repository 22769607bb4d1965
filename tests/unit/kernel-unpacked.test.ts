import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { KernelAbout } from "../../src/kernel/kernel.ts";
import { finishUnpacked } from "../../src/kernel/unpacked-kernel.ts";
import { bzImage, elf, note } from "./boot-images.ts";

const release = "6.1.0-9-test";
const entered = elf(note("Xen", 18));
const there = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** An unpacked package, and what became of it. */
async function finish(
  files: Readonly<Record<string, Buffer | string>>,
): Promise<Pick<KernelAbout, "version" | "boot" | "initrd" | "config"> & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
  const [root, work] = [join(dir, "work/root"), join(dir, "work")];
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const busybox = join(dir, "work/busybox");
  await writeFile(busybox, "a program");
  const recipe = { init: "#!/bin/busybox sh\n", modules: [], busybox, busyboxSha256: "" };
  const { signal } = new AbortController();
  return { dir, ...(await finishUnpacked({ root, work, dir, recipe, signal, say: () => {} })) };
}

/** Linux packs its image with one of these; the build appends the size for all but gzip. */
function pack([program, ...argv]: readonly [string, ...string[]], appended: number): Buffer {
  const { stdout } = spawnSync(program, argv, { input: entered });
  return Buffer.concat([stdout, Buffer.alloc(appended)]);
}

const modules = {
  [`lib/modules/${release}/modules.order`]: "",
  [`lib/modules/${release}/modules.builtin`]: "",
};

describe.runIf(["depmod", "cpio"].every(there))("an unpacked kernel", () => {
  test.each([
    ["gzip", ["gzip", "-nc"], 0],
    ["xz", ["xz", "--check=crc32", "-c"], 4],
    ["zstd", ["zstd", "-cq"], 4],
    ["lz4", ["lz4", "-lcq"], 4],
  ] as const)("that is packed with %s boots as the ELF image inside", async (name, argv, appended) => {
    if (!there(name)) return;
    const vmlinuz = bzImage(pack(argv, appended));
    const kernel = await finish({
      ...modules,
      [`boot/vmlinuz-${release}`]: vmlinuz,
      [`boot/config-${release}`]: "CONFIG_A=y\n",
    });
    expect(kernel).toMatchObject({
      version: release,
      boot: "vmlinux",
      initrd: "initramfs.cpio",
      config: "config",
    });
    expect(await readFile(join(kernel.dir, "vmlinux"))).toEqual(entered);
    expect(await readFile(join(kernel.dir, "config"), "utf8")).toBe("CONFIG_A=y\n");
  });

  test.each([
    ["that QEMU cannot enter", bzImage(pack(["gzip", "-nc"], 0).subarray(0, -12))],
    ["packed in an unknown way", bzImage(Buffer.from("something else"))],
  ])("with an image %s boots as it came, and nothing half unpacked stays", async (_case, vmlinuz) => {
    const kernel = await finish({
      ...modules,
      [`boot/vmlinuz-${release}`]: vmlinuz,
      [`boot/config-${release}`]: "",
    });
    expect(kernel.boot).toBe("vmlinuz");
    expect(await readFile(join(kernel.dir, "vmlinuz"))).toEqual(vmlinuz);
    expect((await readdir(kernel.dir)).sort()).toEqual(["config", "initramfs.cpio", "vmlinuz", "work"]);
  });

  test("that has all of it below usr/lib/modules, as Debian's since 6.19, is found there", async () => {
    const below = `usr/lib/modules/${release}`;
    const kernel = await finish({
      [`${below}/modules.order`]: "",
      [`${below}/modules.builtin`]: "",
      [`${below}/vmlinuz`]: bzImage(pack(["gzip", "-nc"], 0)),
      [`${below}/config`]: "CONFIG_B=y\n",
    });
    expect(kernel).toMatchObject({ version: release, boot: "vmlinux" });
    expect(await readFile(join(kernel.dir, "config"), "utf8")).toBe("CONFIG_B=y\n");
  });

  test("that is laid out in another way is refused with what is missing", async () => {
    await expect(finish({ "boot/vmlinuz": "" })).rejects.toThrow("has neither modules nor an image");
    await expect(
      finish({ ...modules, "boot/vmlinuz-other": "", "boot/vmlinuz-another": "" }),
    ).rejects.toThrow(`the kernel package of ${release} has no vmlinuz`);
  });
});
