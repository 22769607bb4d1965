import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test as hostTest } from "vitest";
import { command } from "../../src/base/command.ts";
import { type Compiler, compile } from "../../src/index.ts";
import { provideGuestTarget } from "../../src/runtime/sysroot.ts";
import { expect, test } from "../../src/vitest/index.ts";
import { testContext } from "../../src/vitest/test.ts";
import { kernel } from "./vm.ts";

// With _GNU_SOURCE glibc 2.38 and newer give strtol a new version of its symbol; std::cout of GCC 13 has one as well.
const c = `#define _GNU_SOURCE
#include <stdlib.h>
#include <stdio.h>
int main(int count, char **words) { return printf("%ld\\n", strtol(words[count - 1], 0, 0)) < 0; }
`;
// A program that was linked statically says that it can load nothing.
const loads = `#include <dlfcn.h>
#include <stdio.h>
int main(void) { puts(dlopen(0, RTLD_NOW) && dlopen("libc.so", RTLD_NOW) ? "loaded" : dlerror()); }
`;
const cxx = `#include <iostream>
#include <stdexcept>
int main() { try { throw std::runtime_error("caught"); } catch (const std::exception &error) { std::cout << error.what() << std::endl; } }
`;
const programs: Record<string, { compiler: Compiler; source: string; flags?: string[]; prints: string }> = {
  "glibc.c": { compiler: "gcc", source: c, prints: "42\n" },
  "static.c": { compiler: "gcc", source: c, flags: ["-static"], prints: "42\n" },
  "musl.c": { compiler: "musl-gcc", source: c, prints: "42\n" },
  "musl-loads.c": { compiler: "musl-gcc", source: loads, prints: "loaded\n" },
  "cxx.cc": { compiler: "g++", source: cxx, prints: "caught\n" },
};

test("what this host's compiler makes of C and C++ runs in the guest, however new the host is", {
  kernel,
  prepare: {
    key: () => programs,
    make: async (context) => {
      for (const [name, { compiler, source, flags = [] }] of Object.entries(programs)) {
        const sources = [join(context.dir, name)];
        await writeFile(join(context.dir, name), source);
        await compile({ compiler, kind: "program", sources, flags, to: `${sources[0]}.out` }, context);
      }
    },
  },
}, async ({ vm }) => {
  for (const [name, { prints }] of Object.entries(programs)) {
    const ran = await vm.guest.exec([`/srv/work/${name}.out`, "0x2a"], { allowFailure: true });
    expect({ name, stdout: ran.stdout, stderr: ran.stderr }).toEqual({ name, stdout: prints, stderr: "" });
  }
});

hostTest("what is known of the guests' libraries is what these libraries say", async ({ signal }) => {
  const target = await provideGuestTarget(await testContext(signal));
  if (target.type !== "sysroot") throw new Error("this host has no mmdebstrap");
  const { dir, libraries } = target.sysroot;
  const found: Record<string, string> = {};
  for (const name of [
    "lib/x86_64-linux-gnu/libc.so.6",
    "usr/lib/x86_64-linux-gnu/libstdc++.so.6",
    "lib/x86_64-linux-gnu/libgcc_s.so.1",
  ]) {
    const argv = ["readelf", "--wide", "--version-info", join(dir, name)];
    const { stdout } = await command(argv, { within: "30s", signal });
    const [definitions = ""] = stdout.split("Version needs section");
    for (const [, kind = "", number = ""] of definitions.matchAll(/Name: ([A-Z]+)_([\d.]+)$/gm)) {
      const older = (a: string, b: string): boolean => a.localeCompare(b, "en", { numeric: true }) < 0;
      if (found[kind] === undefined || older(found[kind], number)) found[kind] = number;
    }
  }
  expect(found).toEqual(libraries.newest);
});
