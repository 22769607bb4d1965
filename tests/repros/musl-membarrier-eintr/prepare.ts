import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compile, compilerOf, type PrepareContext, provideNode } from "../../../src/index.ts";

/** The program and its two libraries, once for each C library; for Node its two addons. */
export async function compileAll(context: PrepareContext): Promise<void> {
  const { cell, dir } = context;
  if (cell.axes.program === "node") return await compileAddons(context);
  for (const [libc, compiler] of Object.entries(compilerOf)) {
    const to = join(dir, libc);
    await mkdir(to);
    for (const name of ["watcher", "interrupt"]) {
      await compile(
        {
          compiler,
          kind: "shared",
          sources: [join(dir, `${name}.c`)],
          to: join(to, `lib${name}.so`),
        },
        context,
      );
    }
    await compile(
      {
        compiler,
        kind: "program",
        sources: [join(dir, "load.c")],
        to: join(to, "load"),
      },
      context,
    );
  }
}

/** For musl they are part of the NixOS image that has its node: vm/nixos/musl-addons.nix has the same two command lines. */
async function compileAddons(context: PrepareContext): Promise<void> {
  const { cell, dir } = context;
  if (cell.axes.libc === "musl" || cell.node === undefined) return;
  const node = await provideNode(cell.node, context);
  const common = {
    compiler: "gcc",
    kind: "shared",
    include: [join(node.dir, "include/node")],
  } as const;
  await mkdir(join(dir, "glibc"));
  const source = (name: string): string => join(dir, name);
  await compile(
    {
      ...common,
      sources: [source("addons.c"), source("watcher.c")],
      flags: ["-DWATCHER"],
      to: join(dir, "glibc/watcher.node"),
    },
    context,
  );
  await compile({ ...common, sources: [source("addons.c")], to: join(dir, "glibc/interrupt.node") }, context);
}
