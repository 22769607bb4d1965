import { join } from "node:path";
import { compile, copyQemuUser, type PrepareContext } from "../../../src/index.ts";

/** The tests, the broken layer, and for the cell of qemu-user that program with its libraries. */
export async function compileTests(context: PrepareContext): Promise<void> {
  const { cell, dir, signal } = context;
  const source = (name: string): string[] => [join(dir, name)];
  await compile(
    {
      compiler: "gcc",
      kind: "program",
      sources: source("conformance.c"),
      to: join(dir, "conformance"),
    },
    context,
  );
  await compile(
    {
      compiler: "gcc",
      kind: "shared",
      sources: source("drop.c"),
      to: join(dir, "drop.so"),
    },
    context,
  );
  if (cell.axes.layer === "qemu-user") await copyQemuUser(join(dir, "qemu"), signal);
}
