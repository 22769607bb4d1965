import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { PrepareContext } from "../../../src/repro/define.ts";
import { type Compiler, compile } from "../../../src/runtime/compile.ts";

const compilers: Readonly<Record<string, Compiler>> = { musl: "musl-gcc", glibc: "gcc" };

/** The program and its two libraries, once for each C library. */
export async function compileBoth({ dir, signal }: PrepareContext): Promise<void> {
  for (const [libc, compiler] of Object.entries(compilers)) {
    const to = join(dir, libc);
    await mkdir(to);
    for (const name of ["watcher", "interrupt"]) {
      await compile({
        compiler,
        kind: "shared",
        sources: [join(dir, `${name}.c`)],
        to: join(to, `lib${name}.so`),
        signal,
      });
    }
    await compile({
      compiler,
      kind: "program",
      sources: [join(dir, "load.c")],
      to: join(to, "load"),
      signal,
    });
  }
}
