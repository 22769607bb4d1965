// Load one addon whose thread polls, then another: the report's own program, with its numbers told as load.c does.
const { setTimeout: sleep } = require("node:timers/promises");

const [watcherPath, interruptPath, way] = process.argv.slice(2);

async function main() {
  const watcher = require(watcherPath);
  watcher.start(way);
  // Time for the thread to get into its poll.
  await sleep(500);
  const before = performance.now();
  require(interruptPath);
  const dlopenMs = Math.round(performance.now() - before);
  const seen = watcher.end();
  console.log(JSON.stringify({ ...seen, tookMs: Math.round(seen.tookMs), dlopenMs }));
}

main();
