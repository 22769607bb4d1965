// Workload B: rounds of many concurrent lstat calls through libuv's io_uring submission queue.
// More completions than the completion ring holds make the kernel flush its overflow list, which is
// where the defect of nodejs/node#55587 sits.
import { lstat } from "node:fs/promises";

const rounds = Number(process.argv[2] ?? 10);
const concurrent = Number(process.argv[3] ?? 20_000);
for (let round = 1; round <= rounds; round += 1) {
  await Promise.all(Array.from({ length: concurrent }, () => lstat("/")));
  console.log(`round ${round} of ${rounds}`);
}
