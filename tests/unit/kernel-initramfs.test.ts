import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadOrder, parseModuleList } from "../../src/kernel/initramfs.ts";

test("modules are loaded once each, what they need first", () => {
  const shown = [
    "builtin af_packet",
    "insmod /r/lib/modules/6.1/kernel/drivers/virtio/virtio.ko.xz ",
    "insmod /r/lib/modules/6.1/kernel/drivers/block/virtio_blk.ko.xz ",
    "insmod /r/lib/modules/6.1/kernel/drivers/virtio/virtio.ko.xz ",
    "insmod /r/lib/modules/6.1/kernel/drivers/net/virtio_net.ko.xz csum=1",
    "modprobe: FATAL: Module vmgenid not found",
  ].join("\n");
  expect(loadOrder(shown).map((path) => path.split("/").at(-1))).toEqual([
    "virtio.ko.xz",
    "virtio_blk.ko.xz",
    "virtio_net.ko.xz",
  ]);
});

test("the list of modules names the root disk's driver before its file system", async () => {
  const modules = parseModuleList(
    await readFile(new URL("../../vm/debian/initramfs-modules", import.meta.url), "utf8"),
  );
  expect(modules.indexOf("virtio_blk")).toBeGreaterThan(modules.indexOf("virtio_pci"));
  expect(modules.indexOf("ext4")).toBeGreaterThan(modules.indexOf("virtio_blk"));
  expect(new Set(modules).size).toBe(modules.length);
});
