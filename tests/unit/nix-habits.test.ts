import { globSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { command } from "../../src/base/command.ts";
import { readSettings } from "../../src/base/settings.ts";
import { containerConfig } from "../../src/diagnose/bundle.ts";
import { readInitramfsRecipe } from "../../src/kernel/initramfs.ts";
import { compile } from "../../src/runtime/compile.ts";
import { versionsInHeaders } from "../../src/runtime/headers.ts";
import { findManager, findNeeds, howToInstall } from "../../src/setup/install.ts";
import { nameOf } from "../../src/setup/needs.ts";
import { findKeyring } from "../../src/supply/signature.ts";
import { testContext } from "../../src/vitest/test.ts";

const aborts = (): AbortSignal => AbortSignal.timeout(30_000);
const home = fileURLToPath(new URL("../..", import.meta.url));

test("a guest's Node is started by its name: on NixOS the bare binary finds no libstdc++", async () => {
  // The first gives a path of the guest its file on the host, the second runs below an emulator that wants a path.
  const known = ["src/lab/vm.ts", "tests/repros/epoll-mt-conformance/trial.ts"];
  const found = [];
  for (const file of globSync(["src/**/*.ts", "tests/repros/**/*.{ts,mjs}"], { cwd: home })) {
    if ((await readFile(join(home, file), "utf8")).includes("/opt/node/bin/node")) found.push(file);
  }
  expect(found.sort()).toEqual(known);
});

test("a container finds NixOS' own command before the disk's bare binary of the same name", () => {
  const config = JSON.stringify(containerConfig("rootfs", { args: ["node"] }));
  const [, path = ""] = /"PATH=([^"]+)"/.exec(config) ?? [];
  const folders = path.split(":");
  expect(folders.indexOf("/run/current-system/sw/bin")).toBeLessThan(folders.indexOf("/opt/node/bin"));
});

test("a Node release tells its libuv by its headers: its binary may not start on this host", async () => {
  const include = await mkdtemp(join(tmpdir(), "dstate-headers-"));
  onTestFinished(async () => await rm(include, { recursive: true, force: true }));
  await mkdir(join(include, "uv"));
  const define = (values: Record<string, number>): string =>
    Object.entries(values)
      .map(([name, value]) => `#define ${name} ${value}\n`)
      .join("");
  const node = { NODE_MAJOR_VERSION: 20, NODE_MINOR_VERSION: 9, NODE_PATCH_VERSION: 0 };
  await writeFile(join(include, "node_version.h"), define(node));
  const v8 = { V8_MAJOR_VERSION: 11, V8_MINOR_VERSION: 3, V8_BUILD_NUMBER: 244, V8_PATCH_LEVEL: 8 };
  await writeFile(join(include, "v8-version.h"), define(v8));
  await expect(versionsInHeaders(include)).rejects.toThrow("uv/version.h is not a whole one");
  await writeFile(join(include, "uv/version.h"), define({ UV_VERSION_MAJOR: 1, UV_VERSION_MINOR: 46 }));
  await expect(versionsInHeaders(include)).rejects.toThrow("does not define UV_VERSION_PATCH");
  const uv = { UV_VERSION_MAJOR: 1, UV_VERSION_MINOR: 46, UV_VERSION_PATCH: 0 };
  await writeFile(join(include, "uv/version.h"), define(uv));
  expect(await versionsInHeaders(include)).toEqual({ node: "20.9.0", uv: "1.46.0", v8: "11.3.244.8" });
});

test("what Debian has at fixed places comes from settings where a host has it elsewhere", async () => {
  const busybox = "/bin/sh";
  const settings = { ...readSettings({ DSTATE_BUSYBOX: busybox, DSTATE_DEBIAN_KEYRING: "/keys" }) };
  expect(settings).toMatchObject({ busybox, debianKeyring: "/keys" });
  // One that needs a loader would not start in an initramfs: it says so here, and not in the guest.
  await expect(readInitramfsRecipe(settings)).rejects.toThrow("a statically linked busybox at /bin/sh");
  const context = { settings: { ...settings, path: "/nowhere" }, progress: () => {}, signal: aborts() };
  const found = await findNeeds(context);
  const place = (name: string): string | undefined => found.find(({ need }) => nameOf(need) === name)?.path;
  expect(place("busybox, static")).toBe(busybox);
  expect(place("the Debian archive's keys")).toBeUndefined();
  // Headers are where the compiler finds them.
  expect(place("stdio.h")).toMatch(/\/stdio\.h$/);
});

test("a host without a package manager that is known is sent to nix develop, and not to apt-get", async () => {
  const settings = { ...readSettings({}), path: "/nowhere" };
  const manager = await findManager({ settings, progress: () => {}, signal: aborts() });
  const said = howToInstall(manager, ["qemu-utils"]);
  expect(said).toContain("qemu-utils");
  expect(said).toContain("on NixOS, `nix develop` has them");
});

test("a compiler that has its own loader and looks into no /usr/include, as nixpkgs' does, makes programs for guests", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-nix-gcc-"));
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(dir, { recursive: true, force: true });
  });
  const which = async (program: string): Promise<string> =>
    (await command(["sh", "-c", `command -v ${program}`], { within: "10s" })).stdout.trim();
  const cc = await which("gcc");
  const own = (await command([cc, "-print-file-name=include"], { within: "10s" })).stdout.trim();
  const before = `-nostdinc -isystem ${own} -Wl,-dynamic-linker=/nix/store/glibc/lib/ld-linux-x86-64.so.2`;
  await writeFile(join(dir, "gcc"), `#!/bin/sh\nexec ${cc} ${before} "$@"\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${dir}:${process.env.PATH}`);
  const source = join(dir, "hello.c");
  await writeFile(source, '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n');
  const context = testContext(AbortSignal.timeout(600_000));
  for (const [compiler, loader] of [
    ["gcc", "/lib64/ld-linux-x86-64.so.2"],
    ["musl-gcc", "/lib/ld-musl-x86_64.so.1"],
  ] as const) {
    const to = join(dir, compiler.replace("gcc", "hello"));
    await compile({ compiler, kind: "program", sources: [source], to }, context);
    const { stdout } = await command(["readelf", "--program-headers", to], { within: "10s" });
    expect(stdout).toContain(`[Requesting program interpreter: ${loader}]`);
  }
}, 600_000);

test("the archive's keys are found in a folder, under the name of either Debian", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-keys-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  expect(await findKeyring(dir)).toBeUndefined();
  await writeFile(join(dir, "debian-archive-keyring.pgp"), "");
  expect(await findKeyring(dir)).toBe(join(dir, "debian-archive-keyring.pgp"));
  await writeFile(join(dir, "my.gpg"), "");
  expect(await findKeyring(join(dir, "my.gpg"))).toBe(join(dir, "my.gpg"));
  expect(await findKeyring(join(dir, "none.gpg"))).toBeUndefined();
});
