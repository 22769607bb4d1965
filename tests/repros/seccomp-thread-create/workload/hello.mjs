// Node starts a scheduler thread and a pool of workers before the first line of JavaScript; this adds a worker.
import { Worker } from "node:worker_threads";

const worker = new Worker("require('node:worker_threads').parentPort.postMessage('from a worker')", {
  eval: true,
});
worker.on("message", (text) => console.log(text));
worker.on("exit", () => console.log("node works"));
