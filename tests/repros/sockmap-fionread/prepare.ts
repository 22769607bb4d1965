import { join } from "node:path";
import { compile, type PrepareContext } from "../../../src/index.ts";

export async function compileWorkload(context: PrepareContext): Promise<void> {
  const { dir } = context;
  const [source, to] = [join(dir, "fionread.c"), join(dir, "fionread")];
  await compile({ compiler: "gcc", kind: "program", sources: [source], to }, context);
}
