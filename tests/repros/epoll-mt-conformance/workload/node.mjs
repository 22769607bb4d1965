// What the change says node does once the layer is right: run JavaScript, timers, the thread pool, promises and a
// worker, write to a pipe, and exit by itself.
import { pbkdf2 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

console.log("ok node-console-log-to-pipe");
await sleep(20);
console.log("ok node-timer");
await promisify(pbkdf2)("a", "b", 10, 16, "sha256");
console.log("ok node-thread-pool");
await readFile(import.meta.filename ?? new URL(import.meta.url));
console.log("ok node-file");
await new Promise((done, fail) => {
  const worker = new Worker("0", { eval: true });
  worker.on("error", fail);
  worker.on("exit", done);
});
console.log("ok node-worker");
