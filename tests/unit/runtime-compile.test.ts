import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { copyQemuUser } from "../../src/diagnose/qemu-user.ts";
import { type Compiler, compile } from "../../src/runtime/compile.ts";

const signal = AbortSignal.timeout(60_000);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dstate-compile-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

describe("a program that is missing on the host", () => {
  test.each<[Compiler, string]>([
    ["gcc", "gcc"],
    ["g++", "g++"],
    ["musl-gcc", "musl-tools"],
  ])("such as %s is told with the package %s that has it", async (compiler, name) => {
    vi.stubEnv("PATH", folder);
    const error = await compile({
      compiler,
      kind: "program",
      sources: ["x.c"],
      to: join(folder, "x"),
      signal,
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InfraError);
    expect((error as InfraError).message).toBe(`the program "${compiler}" is not installed`);
    expect((error as InfraError).next).toContain(`Debian package ${name}:`);
  });

  test("such as qemu-user is told as well", async () => {
    vi.stubEnv("PATH", folder);
    const error = await copyQemuUser(join(folder, "qemu"), signal).catch((reason: unknown) => reason);
    expect((error as InfraError).message).toBe('the program "qemu-x86_64" is not installed');
    expect((error as InfraError).next).toContain("qemu-user");
  });
});

test("a source that does not compile is told with what the compiler says of it, warnings too", async () => {
  const source = join(folder, "warned.c");
  await writeFile(source, "int main(void) { int unused; return 0; }\n");
  const compiled = compile({
    compiler: "gcc",
    kind: "program",
    sources: [source],
    to: join(folder, "w"),
    signal,
  });
  await expect(compiled).rejects.toThrow(/unused variable/);
});
