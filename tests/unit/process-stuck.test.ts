import { execFileSync, spawn } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRing } from "../../src/process/rings.ts";
import { parseStuck, stuckScript } from "../../src/process/stuck.ts";

const ring = `pos:\t0
flags:\t02000002
mnt_id:\t15
SqMask:\t0x3f
SqHead:\t4294967290
SqTail:\t2
CachedSqHead:\t4294967290
CqMask:\t0x7f
CqHead:\t9
CqTail:\t137
CachedCqTail:\t137
SQEs:\t8
CQEs:\t128
SqThread:\t142
SqThreadCpu:\t1
UserFiles:\t0
UserBufs:\t3
PollList:
  op=6, task_works=0
CqOverflowList:
  user_data=94, res=-2, flags=0
  user_data=95, res=0, flags=0
`;

describe("a ring's fdinfo", () => {
  test("tells what is in its queues, across the counters' wrap", () => {
    expect(parseRing(19, ring)).toEqual({
      fd: 19,
      shown: true,
      sqHead: 4294967290,
      sqTail: 2,
      cqHead: 9,
      cqTail: 137,
      cqEntries: 128,
      unsubmitted: 8,
      unread: 128,
      sqThread: 142,
      sqThreadCpu: 1,
      registeredFiles: 0,
      registeredBuffers: 3,
      polls: 1,
      overflow: 2,
    });
  });

  test("without a polling thread has none", () => {
    const text = ring.replace("SqThread:\t142", "SqThread:\t-1");
    expect(parseRing(19, text).sqThread).toBeUndefined();
  });

  test("that shows nothing, for its lock is held, is told as such", () => {
    expect(parseRing(19, "pos:\t0\nflags:\t02000002\n")).toEqual({
      fd: 19,
      shown: false,
      polls: 0,
      overflow: 0,
    });
  });
});

describe("a closer look at a process", () => {
  test("tells on this very machine where a sleeping process entered the kernel", async () => {
    const child = spawn("sleep", ["1000"]);
    try {
      const look = (): ReturnType<typeof parseStuck> =>
        parseStuck(execFileSync("bash", ["-c", stuckScript, "bash", `${child.pid}`], { encoding: "utf8" }));
      await expect.poll(() => look()[0]?.userSides[0]?.instruction, { timeout: 10_000 }).toMatch(/\+0x/);
      const [found] = look();
      expect(found).toMatchObject({ pid: child.pid, rings: [], unread: [] });
      expect(found?.userSides[0]?.possibleCallers.join("\n")).toMatch(/sleep\+0x|libc.*\+0x/);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("a file that does not answer is given up and named, and the rest is read", () => {
    // A FIFO that nobody writes to blocks its reader, as a stuck thread's lock does.
    const script = `${stuckScript.replace(/^for pid[\s\S]*/m, "")}
      fifo=$(mktemp -u) && mkfifo "$fifo"
      echo "@process 7"
      bounded maps cat "$fifo"
      bounded "ring 9" printf 'SqHead:\\t1\\nSqTail:\\t3\\n'
      rm "$fifo"`;
    const text = execFileSync("bash", ["-c", script], { encoding: "utf8" });
    expect(parseStuck(text)).toMatchObject([
      { pid: 7, rings: [{ fd: 9, unsubmitted: 2 }], unread: ["maps"] },
    ]);
  });

  test("a process that is gone is passed over, and any text is taken without an exception", () => {
    const text = execFileSync("bash", ["-c", stuckScript, "bash", "4194305"], { encoding: "utf8" });
    expect(parseStuck(text)).toEqual([]);
    fc.assert(
      fc.property(fc.string(), (text) => void parseStuck(`@process 1\n@begin maps\n${text}\n@end maps\n`)),
    );
  });
});
