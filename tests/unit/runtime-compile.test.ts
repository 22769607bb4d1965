import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { command, MissingProgramError } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";
import { InfraError } from "../../src/base/errors.ts";
import { readSettings } from "../../src/base/settings.ts";
import { copyQemuUser, underQemuUser } from "../../src/diagnose/qemu-user.ts";
import { type Compiler, compile } from "../../src/runtime/compile.ts";
import { librariesOf, parseLinkedAgainst, unmet } from "../../src/runtime/guest-libraries.ts";
import { muslSpecs } from "../../src/runtime/sysroot.ts";

const signal = AbortSignal.timeout(60_000);
let folder: string;
let context: Context;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dstate-compile-"));
  // Its own cache: nothing that another run left there is used.
  const settings = readSettings({ ...process.env, DSTATE_CACHE: join(folder, "cache") });
  context = { settings, progress: () => {}, signal };
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

/** Programs of this host, and no others: mmdebstrap is left out, so nothing is fetched. */
async function onlyThese(...programs: string[]): Promise<void> {
  const bin = await mkdtemp(join(folder, "bin-"));
  for (const program of programs) {
    const { stdout } = await command(["sh", "-c", `command -v ${program}`], { within: "10s", signal });
    await symlink(stdout.trim(), join(bin, program));
  }
  vi.stubEnv("PATH", bin);
}

describe("a program that is missing on the host", () => {
  test.each<[Compiler, string]>([
    ["gcc", "gcc"],
    ["g++", "g++"],
    ["musl-gcc", "musl-tools"],
  ])("such as %s is told with the package %s that has it", async (compiler, name) => {
    await onlyThese("apt-get", "dpkg");
    const source = { kind: "program", sources: ["x.c"], to: join(folder, "x") } as const;
    const error = await compile({ compiler, ...source }, context).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MissingProgramError);
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
  await onlyThese("gcc", "apt-get", "dpkg");
  const source = join(folder, "warned.c");
  await writeFile(source, "int main(void) { int unused; return 0; }\n");
  const options = { compiler: "gcc", kind: "program", sources: [source], to: join(folder, "w") } as const;
  await expect(compile(options, context)).rejects.toThrow(/unused variable/);
});

describe("what a newer host's compiler linked with its own libraries", () => {
  const guest = librariesOf.bookworm;
  if (!guest) throw new Error("the suite of the images has no row");
  // GCC 14.2 and glibc 2.41 of Debian 13: strtol of a program with _GNU_SOURCE, std::cout, -fsanitize=address.
  const recorded = async (name: string): Promise<string[]> => {
    const file = new URL(`fixtures/readelf/${name}-gcc-14-glibc-2.41.txt`, import.meta.url);
    return unmet(parseLinkedAgainst(await readFile(file, "utf8")), guest);
  };

  test("would not start in a guest for a symbol of the C library, and that is said", async () => {
    expect(await recorded("strtol")).toEqual(["GLIBC_2.38 of libc.so.6 (it has up to GLIBC_2.36)"]);
  });

  test("would not start for one of the C++ library", async () => {
    expect(await recorded("iostream")).toEqual([
      "GLIBCXX_3.4.32 of libstdc++.so.6 (it has up to GLIBCXX_3.4.30)",
    ]);
  });

  test("would not start for a library that only a compiler has", async () => {
    expect(await recorded("asan")).toContain("the library libasan.so.8");
  });
});

test("a program for a loader that only the host has is refused", () => {
  const guest = { system: "a guest", gcc: "12", newest: {} };
  const loader = "/nix/store/x-glibc-2.42/lib/ld-linux-x86-64.so.2";
  expect(unmet({ loader, libraries: ["libown.so.1"], versions: [] }, guest)).toEqual([
    `the loader ${loader}`,
  ]);
});

test("without mmdebstrap a program is compiled with the host's own libraries, and refused if it asks for more", async () => {
  await onlyThese("gcc", "as", "ld", "readelf", "apt-get", "dpkg");
  const source = join(folder, "plain.c");
  await writeFile(source, "int main(void) { return 0; }\n");
  const options = { compiler: "gcc", kind: "program", sources: [source] } as const;
  await compile({ ...options, to: join(folder, "plain") }, context);
  const loader = "-Wl,--dynamic-linker=/opt/no/loader.so";
  const refused = compile({ ...options, flags: [loader], to: join(folder, "odd") }, context);
  await expect(refused).rejects.toThrow(
    "odd would not start in a guest of Debian 12: it asks for the loader /opt/no/loader.so",
  );
  await expect(refused).rejects.toBeInstanceOf(InfraError);
});

test("musl's specs look into the sysroot", () => {
  const specs = "-nostdinc -isystem /usr/include/x86_64-linux-musl -L/usr/lib/x86_64-linux-musl -L .%s";
  expect(muslSpecs(specs)).toBe(
    "-nostdinc -isystem %R/usr/include/x86_64-linux-musl -L%R/usr/lib/x86_64-linux-musl -L .%s",
  );
});

test("qemu-user is copied with its own loader and C library, so that it runs beside any other", async () => {
  const to = join(folder, "with blanks", "qemu");
  await mkdir(to, { recursive: true });
  await copyQemuUser(to, signal);
  const environment = await command(underQemuUser(to, ["/usr/bin/env"]), { within: "30s", signal });
  expect(environment.stdout).not.toContain("LD_LIBRARY_PATH");
  expect(environment.stdout).toContain(`PATH=${process.env.PATH?.split(delimiter)[0]}`);
});
