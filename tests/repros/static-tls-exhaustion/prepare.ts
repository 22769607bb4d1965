import { join } from "node:path";
import { compile, type PrepareContext, provideNode } from "../../../src/index.ts";

/** The addons of the axis `addon`: size of the thread-local in bytes, and how it is reached. */
export const addons = {
  "ie-4248": { size: 4248, model: "initial-exec" },
  "ie-1024": { size: 1024, model: "initial-exec" },
  "gd-4248": { size: 4248, model: "global-dynamic" },
} as const;

/** Compile every addon, with the headers of the cell's Node; with a release's where that is the image's own. */
export async function compileAddons(context: PrepareContext): Promise<void> {
  const { cell, dir } = context;
  const release = cell.node === undefined || cell.node === "image" ? "20.9.0" : cell.node;
  const node = await provideNode(release, context);
  for (const [name, { size, model }] of Object.entries(addons)) {
    await compile(
      {
        compiler: "gcc",
        kind: "shared",
        sources: [join(dir, "addon.c")],
        flags: [`-DSIZE=${size}`, `-ftls-model=${model}`],
        include: [join(node.dir, "include/node")],
        to: join(dir, `${name}.node`),
      },
      context,
    );
  }
}
