import { copyFile, mkdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { command } from "../../../src/base/command.ts";
import { InfraError } from "../../../src/base/errors.ts";
import type { PrepareContext } from "../../../src/repro/define.ts";
import { compile } from "../../../src/runtime/compile.ts";

/** The tests, the broken layer, and for the cell of qemu-user that program with its libraries. */
export async function compileTests({ cell, dir, signal }: PrepareContext): Promise<void> {
  const source = (name: string): string[] => [join(dir, name)];
  await compile({
    compiler: "gcc",
    kind: "program",
    sources: source("conformance.c"),
    to: join(dir, "conformance"),
    signal,
  });
  await compile({
    compiler: "gcc",
    kind: "shared",
    sources: source("drop.c"),
    to: join(dir, "drop.so"),
    signal,
  });
  if (cell.axes.layer === "qemu-user") await copyQemuUser(join(dir, "qemu"), signal);
}

/** qemu-x86_64 of this host with every library that it is linked with: the guest has none of them. */
async function copyQemuUser(to: string, signal: AbortSignal): Promise<void> {
  const install = "Install the Debian package qemu-user: `npm run setup`.";
  const options = { within: "30s", signal, install } as const;
  const path = (await command(["which", "qemu-x86_64"], options).catch(() => undefined))?.stdout.trim();
  signal.throwIfAborted();
  if (!path) throw new InfraError('the program "qemu-x86_64" is not installed', { next: install });
  const { stdout } = await command(["ldd", path], options);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].flatMap(([, library]) => library ?? []);
  await mkdir(join(to, "lib"), { recursive: true });
  await copyFile(await realpath(path), join(to, "qemu-x86_64"));
  for (const library of libraries) {
    // The guest's own C library fits: it is the same release as the host's, or qemu's symbols are not found.
    if (/^(libc|libm|libpthread|libdl|ld-linux.*)\.so/.test(basename(library))) continue;
    await copyFile(await realpath(library), join(to, "lib", basename(library)));
  }
}
