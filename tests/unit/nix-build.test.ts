import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { readSettings, type Settings } from "../../src/base/settings.ts";
import { provideNixosImage } from "../../src/image/nixos.ts";
import { provideNixKernel } from "../../src/kernel/sources/nix.ts";
import { chooseCell } from "../../src/lab/cell.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { flakeOf, nixBuild, nixPinName } from "../../src/supply/nix.ts";
import { openNixLab } from "../nix/eval.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "dstate-nix-build-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  return dir;
}

function contextWith(settings: Partial<Settings>, events: ProgressEvent[] = []): Context {
  return {
    settings: { ...readSettings({}), ...settings },
    progress: (event) => void events.push(event),
    signal: new AbortController().signal,
  };
}

/** A laboratory whose Nix is the one that the code under test calls. */
async function lab() {
  const own = await openNixLab();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await own[Symbol.asyncDispose]();
  });
  for (const [name, value] of Object.entries(own.env)) vi.stubEnv(name, value);
  return own;
}

test("a package of the flake is built by Nix, with its progress told, and kept from the garbage collector", async () => {
  const own = await lab();
  // The only thing in the stand-in that can really be built: a derivation that needs no tools.
  await own.edit("flake.nix", (text) =>
    text.replace(
      "image = anyKernel.config.system.build.dstateImage;",
      'image = derivation { name = "image"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo hello from the build >&2; echo > $out" ]; };',
    ),
  );
  const events: ProgressEvent[] = [];
  const cacheDir = join(await folder(), "cache");
  const path = await nixBuild("image", contextWith({ homeDir: own.flake, cacheDir }, events));
  expect(path).toMatch(/-image$/);
  expect(events[0]).toMatchObject({ type: "start", title: "nix build image" });
  expect(JSON.stringify(events)).toContain("hello from the build");
});

test("the flake's own sentence about a pin is what the user reads, as a mistake of theirs to mend", async () => {
  const own = await lab();
  await own.edit("vm/kernels.json", (text) =>
    text.replace(
      /\n\]\s*$/,
      ',{ "version": "6.9.9", "sha256": null, "provenance": "By a test.", "nixpkgs": { "revision": "'.concat(
        `${"c".repeat(40)}" } }\n]`,
      ),
    ),
  );
  const context = contextWith({ homeDir: own.flake, cacheDir: join(await folder(), "cache") });
  const building = provideNixKernel("6.9.9", context);
  await expect(building).rejects.toThrow(UsageError);
  await expect(building).rejects.toThrow("carries Linux 6.9.9, but it has no linuxPackages_6_9");
});

test("without Nix the message says what to use instead", async () => {
  const bin = await folder();
  for (const program of ["sh", "bash"]) await symlink(`/bin/${program}`, join(bin, program));
  vi.stubEnv("PATH", bin);
  onTestFinished(() => void vi.unstubAllEnvs());
  const building = provideNixosImage(contextWith({ homeDir: home, cacheDir: join(bin, "cache") }));
  await expect(building).rejects.toThrow(InfraError);
  await expect(building).rejects.toThrow('the program "nix" is not installed');
  await expect(building).rejects.toHaveProperty("next", expect.stringContaining("--image debian"));
});

test("a kernel that is not pinned, or whose pin has nothing to build from, is refused before Nix is asked", async () => {
  const dir = await folder();
  await mkdir(join(dir, "vm"));
  const pins = [{ version: "6.9.9", sha256: null, provenance: "By a test." }];
  await writeFile(join(dir, "vm/kernels.json"), JSON.stringify(pins));
  const context = contextWith({ homeDir: dir });
  await expect(provideNixKernel("6.9.8", context)).rejects.toThrow("Linux 6.9.8 is not pinned");
  await expect(provideNixKernel("6.9.9", context)).rejects.toHaveProperty(
    "next",
    expect.stringContaining("dstate kernels pin 6.9.9"),
  );
});

test("in Nix' own sandbox finished builds are taken from a folder", async () => {
  const nixResults = await folder();
  const kernel = join(nixResults, "kernel-linux-6_6_58");
  const image = join(nixResults, "image-linux-6_6_58");
  await mkdir(kernel);
  await mkdir(image);
  await writeFile(join(kernel, "version"), "6.6.58\n");
  await writeFile(join(image, "label"), "24.05.20241030\n");
  const context = contextWith({ nixResults, homeDir: home });
  const found = await provideNixKernel("6.6.58", context);
  expect(found).toMatchObject({ version: "6.6.58", boot: join(kernel, "bzImage"), selector: "nix:6.6.58" });
  expect(found.provenance).toContain("nixpkgs cd3e8833d706");
  expect(found.initrd).toBeUndefined();
  await writeFile(join(kernel, "initrd"), "");
  expect((await provideNixKernel("6.6.58", context)).initrd).toBe(join(kernel, "initrd"));
  expect(await provideNixosImage(context, { nixKernel: "6.6.58" })).toMatchObject({
    kind: "nixos",
    path: join(image, "root.ext4"),
    provenance: expect.stringContaining("NixOS 24.05.20241030"),
  });
  await writeFile(join(image, "runtime.json"), '{ "node": "22.9.0", "libuv": "1.48.0" }');
  const { node } = await provideNixosImage(context, { nixKernel: "6.6.58" });
  expect(node).toEqual({ version: "22.9.0", libuv: "1.48.0" });
  await expect(provideNixosImage(context)).rejects.toThrow("has no image");
});

test("a cell of a NixOS image, a kernel of nixpkgs and the image's own Node is made of these parts", async () => {
  const nixResults = await folder();
  for (const name of ["kernel-linux-6_6_58", "image-linux-6_6_58"]) await mkdir(join(nixResults, name));
  await writeFile(join(nixResults, "kernel-linux-6_6_58/version"), "6.6.58\n");
  await writeFile(join(nixResults, "image-linux-6_6_58/label"), "24.05\n");
  const choice = { kernel: "nix:6.6.58", image: "nixos", node: "image" } as const;
  const cell = chooseCell({ kernel: ["6.1.115"], node: ["20.9.0"] }, choice);
  const parts = await provideParts({ id: "test" }, cell, contextWith({ nixResults, homeDir: home }));
  expect(parts.kernel.version).toBe("6.6.58");
  expect(parts.image.kind).toBe("nixos");
  expect(parts.node).toBeUndefined();
});

test("a checkout is a git flake, so that logs and node_modules stay out of the store", async () => {
  const dir = await folder();
  expect(flakeOf(`${dir}/`)).toBe(`path:${dir}`);
  await mkdir(join(dir, ".git"));
  expect(flakeOf(`${dir}/`)).toBe(`git+file://${dir}`);
  await mkdir(join(dir, "my work/.git"), { recursive: true });
  expect(flakeOf(join(dir, "my work"))).toBe(`git+file://${dir}/my%20work`);
});

test("a pin's name in the flake has no dots, which Nix would take for a path", () => {
  expect(nixPinName("6.6.58")).toBe("linux-6_6_58");
});
