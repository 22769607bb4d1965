import { expect, test } from "vitest";
import { crashIn } from "../../src/machine/fault.ts";

test.each([
  ["[    1.0] Kernel panic - not syncing: VFS: Unable to mount root", "panic"],
  ["[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000", "oops"],
  ["[    1.0] INFO: task node:132 blocked for more than 10 seconds.", undefined],
  ["[    1.0] WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2", undefined],
  ["[    1.0] general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP", "oops"],
  ["[  153.3] traps: crun[206] general protection fault ip:7faf sp:7ffd error:0 in libc.so.6", undefined],
  ["audit: text about a Kernel panic in a log", undefined],
])("the line %j is a crash: %s", (line, kind) => {
  expect(crashIn(line)).toBe(kind);
});
