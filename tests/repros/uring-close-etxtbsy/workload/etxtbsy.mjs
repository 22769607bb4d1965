// Write a program, close it, start it; do that some times, and print what came of it as one line of JSON.
//
// usage: node etxtbsy.mjs FOLDER close|closeSync ROUNDS
import { spawn } from "node:child_process";
import { close, closeSync, open, readdirSync, readlinkSync, write } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const [folder = "/tmp", way = "close", count = "5"] = process.argv.slice(2);
const rounds = Number(count);
/** Milliseconds for which a program that is busy is tried again. */
const patience = 3000;

const openFile = promisify(open);
const writeFile = promisify(write);
const closeFile = way === "closeSync" ? async (file) => closeSync(file) : promisify(close);

/** Undefined: it ran and ended well. */
async function failureOf(path) {
  return await new Promise((resolve) => {
    try {
      const child = spawn(path, { stdio: "ignore" });
      child.once("error", ({ code }) => resolve(code ?? "unknown"));
      child.once("exit", (code, signal) => resolve(code === 0 ? undefined : `ended with ${code ?? signal}`));
    } catch ({ code }) {
      // Most of what spawn(2) refuses is thrown at once.
      resolve(code ?? "unknown");
    }
  });
}

/** Undefined where a process, or the descriptor that listed the others, is gone. */
function orGone(look) {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Where the open descriptors of a process lead to. */
function descriptorsOf(pid) {
  const names = orGone(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return names.map((fd) => orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "");
}

/** How many processes have a file open. */
function holdersOf(path) {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && descriptorsOf(name).includes(path))
    .length;
}

const seen = { rounds, first: 0, briefly: 0, lasting: 0, other: 0, holders: 0, ring: false, longest: 0 };
for (let round = 1; round <= rounds; round += 1) {
  const path = join(folder, `program-${round}`);
  const file = await openFile(path, "wx", 0o755);
  await writeFile(file, "#!/bin/sh\nexit 0\n");
  await closeFile(file);
  const start = performance.now();
  let failure = await failureOf(path);
  if (failure === undefined) {
    seen.first += 1;
    continue;
  }
  if (failure === "ETXTBSY") seen.holders = Math.max(seen.holders, holdersOf(path));
  while (failure === "ETXTBSY" && performance.now() - start < patience) {
    await pause(100);
    failure = await failureOf(path);
  }
  seen.longest = Math.max(seen.longest, Math.round(performance.now() - start));
  if (failure === "ETXTBSY") seen.lasting += 1;
  else if (failure === undefined) seen.briefly += 1;
  else seen.other += 1;
}
seen.ring = descriptorsOf("self").some((target) => target.includes("[io_uring]"));
console.log(JSON.stringify(seen));
