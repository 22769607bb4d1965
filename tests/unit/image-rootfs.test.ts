import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeRootfs, readRootfs, writeRootfs } from "../../src/image/rootfs.ts";

const vm = fileURLToPath(new URL("../../vm", import.meta.url));
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-rootfs-"));
});
afterEach(async () => await rm(dir, { recursive: true, force: true }));

async function home(links: Record<string, string>): Promise<string> {
  const place = join(dir, "home");
  await mkdir(join(place, "rootfs/usr/bin"), { recursive: true });
  await writeFile(join(place, "rootfs/usr/bin/run"), "#!/bin/sh\n", { mode: 0o700 });
  await writeFile(join(place, "rootfs/usr/note"), "text", { mode: 0o600 });
  await writeFile(join(place, "links.json"), JSON.stringify(links));
  return place;
}

test("what goes into guests has no symbolic link, which npm would leave out of the package", async () => {
  const entries = await readdir(vm, { recursive: true, withFileTypes: true });
  expect(entries.length).toBeGreaterThan(50);
  expect(entries.filter((entry) => !entry.isFile() && !entry.isDirectory())).toEqual([]);
});

test("the Debian guest finds node in its path, and starts what dstate needs", async () => {
  const lines = await describeRootfs(await readRootfs(join(vm, "debian")));
  expect(lines).toContain("/usr/local/bin/node -> /opt/node/bin/node");
  for (const unit of ["agent", "guest", "sshd"])
    expect(lines).toContain(
      `/etc/systemd/system/multi-user.target.wants/dstate-${unit}.service -> ../dstate-${unit}.service`,
    );
});

test("files and described links are written with a guest's modes, whatever the umask and the checkout have", async () => {
  const entries = await readRootfs(await home({ "/usr/bin/walk": "run", "/etc/x.timer": "/dev/null" }));
  const root = join(dir, "root");
  const before = process.umask(0o077);
  try {
    await writeRootfs(entries, root);
  } finally {
    process.umask(before);
  }
  const mode = async (path: string): Promise<number> => (await lstat(join(root, path))).mode & 0o777;
  expect(await mode("usr/bin/run")).toBe(0o755);
  expect(await mode("usr/note")).toBe(0o644);
  for (const folder of ["", "usr", "usr/bin", "etc"]) expect(await mode(folder)).toBe(0o755);
  expect(await readlink(join(root, "usr/bin/walk"))).toBe("run");
  expect(await readlink(join(root, "etc/x.timer"))).toBe("/dev/null");
});

test("a link in the tree itself is refused: it would be in one image and not in the other", async () => {
  const place = await home({});
  await symlink("run", join(place, "rootfs/usr/bin/walk"));
  await expect(readRootfs(place)).rejects.toThrow(/walk should be a file, or a line of links\.json/);
});

test("a path is a file or a link, not both", async () => {
  const place = await home({ "/usr/note": "bin/run" });
  await expect(readRootfs(place)).rejects.toThrow(/note should be a file/);
});

test("a service that always starts again does so however often, for systemd gives up after five times", async () => {
  const units = new URL("../../vm/debian/rootfs/etc/systemd/system/", import.meta.url);
  const restarting: string[] = [];
  for (const name of (await readdir(units)).filter((name) => name.endsWith(".service"))) {
    const text = await readFile(new URL(name, units), "utf8");
    if (!/^Restart=always$/m.test(text)) continue;
    restarting.push(name);
    expect(text, name).toMatch(/^\[Unit\]\n(?!\[)[\s\S]*?^StartLimitIntervalSec=0$[\s\S]*?^\[Service\]$/m);
  }
  expect(restarting).toEqual(["dstate-agent.service"]);
});
