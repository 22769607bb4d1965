#!/usr/bin/env node
// Make a git tree from the pristine sources of two kernel releases: the first is one commit, the difference to
// the second is committed in parts, by folder or file. The sources are fetched and checked as for a build.
// Example: node scripts/make-kernel-history.mjs 6.1.106 6.1.115 ../history --parts 64
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepare, run } from "./prepare.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { parts: { type: "string", default: "64" } },
});
const [from, to, folder] = positionals;
const parts = Number(values.parts);
if (!from || !to || !folder || !(parts >= 1)) {
  console.error("usage: make-kernel-history.mjs OLD-RELEASE NEW-RELEASE INTO [--parts N]");
  process.exit(2);
}
const into = resolve(folder);
if (existsSync(into) && readdirSync(into).length > 0) {
  console.error(`${into} is not empty: name a folder that does not exist yet`);
  process.exit(2);
}
if (Number(process.versions.node.split(".")[0]) < 24) {
  const script = resolve(process.argv[1]);
  run(["node", script, from, to, into, "--parts", `${parts}`], prepare());
  process.exit(0);
}

const { openSession } = await import("../src/cli/session.ts");
const { fetchSource, releaseSources } = await import("../src/kernel/release-tarball.ts");
const { unpackSource } = await import("../src/kernel/build.ts");

const next = `${into}.next`;
using session = openSession();
try {
  const context = await session.context();
  const tarballs = [];
  for (const version of [from, to]) {
    const { value: source } = await releaseSources(version, context).next();
    tarballs.push(await fetchSource(source, context));
  }
  for (const [index, place] of [into, next].entries()) {
    console.error(`unpacking Linux ${[from, to][index]}`);
    await unpackSource(tarballs[index], place, context.signal);
  }
} catch (error) {
  process.exit(session.report(error));
}

const options = { encoding: "utf8", maxBuffer: 2 ** 28 };
const env = {
  ...process.env,
  GIT_AUTHOR_DATE: "2024-01-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2024-01-01T00:00:00Z",
};
const identity = [
  "-c",
  "user.name=dstate",
  "-c",
  "user.email=dstate@localhost",
  "-c",
  "core.excludesFile=",
  "-c",
  "gc.auto=0",
];
const git = (...argv) => execFileSync("git", ["-C", into, ...identity, ...argv], { ...options, env });
const commit = (message) => git("commit", "--quiet", "--allow-empty", "-m", message);

git("init", "--quiet");
// The kernel's own .gitignore hides some files of its tarball.
git("add", "--all", "--force");
commit(`Linux ${from}`);
git("tag", "good");
git("--work-tree", next, "add", "--all", "--force");
const target = git("write-tree").trim();
git("read-tree", "HEAD");
const changed = git("diff-tree", "-r", "--name-only", "-z", "HEAD", target).split("\0").filter(Boolean);

// Files that are built against each other's headers come first and together: the commits after them build.
const core = new Set(["arch", "fs", "include", "kernel", "lib", "mm", "net"]);
const isCore = (file) => core.has(file.split("/")[0]);
// Of the rest the largest groups are divided by their next folder, or by file, until there are enough.
const groups = [{ depth: 0, files: changed.filter((file) => !isCore(file)) }];
while (groups.length + 1 < parts) {
  groups.sort((a, b) => b.files.length - a.files.length);
  const largest = groups[0];
  if (largest.files.length < 2) break;
  groups.shift();
  const depth = largest.depth + 1;
  const byFolder = new Map();
  for (const file of largest.files) {
    const folder = file.split("/").slice(0, depth).join("/");
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), file]);
  }
  for (const files of byFolder.values()) groups.push({ depth, files });
}
groups.sort((a, b) => (a.files[0] < b.files[0] ? -1 : 1));
const commits = [changed.filter(isCore), ...groups.map(({ files }) => files)];
for (const files of commits.filter((files) => files.length > 0)) {
  const entries = git("ls-tree", "-r", "-z", target, "--", ...files)
    .split("\0")
    .filter(Boolean);
  const present = new Set(entries.map((entry) => entry.slice(entry.indexOf("\t") + 1)));
  const gone = files.filter((file) => !present.has(file)).map((file) => `0 ${"0".repeat(40)}\t${file}`);
  execFileSync("git", ["-C", into, "update-index", "-z", "--index-info"], {
    ...options,
    input: [...entries, ...gone].map((line) => `${line}\0`).join(""),
  });
  commit(files.length === 1 ? files[0] : `${files.length} files: ${files[0]} to ${files.at(-1)}`);
}
rmSync(next, { recursive: true });
git("reset", "--hard", "--quiet");
git("clean", "-ffdxq");
git("tag", "bad");
if (git("rev-parse", "HEAD^{tree}").trim() !== target)
  throw new Error("the last commit is not the second release");
const count = git("rev-list", "--count", "good..bad").trim();
console.log(`${count} commits in ${into}, from the tag good to the tag bad`);
