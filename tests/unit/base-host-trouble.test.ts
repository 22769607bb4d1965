import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { hostTroubleIn, hostTroubleOf } from "../../src/base/host-trouble.ts";

describe("trouble of the host", () => {
  test.each([
    ["tar: a: Cannot write: No space left on device", "disk-full"],
    ["/usr/bin/ld: final link failed: No space left on device", "disk-full"],
    ["database or disk is full", "disk-full"],
    ["mke2fs: Disk quota exceeded while writing", "quota"],
    ["cp: cannot create regular file 'x': Read-only file system", "read-only"],
    ["qemu-system-x86_64: cannot set up guest memory 'memory': Cannot allocate memory", "memory"],
    ["gcc: fatal error: Killed signal terminated program cc1", "killed-for-memory"],
    ["make[2]: *** [scripts/Makefile.build:250: mm/slub.o] Error 137", "killed-for-memory"],
    ["dd: error reading 'x': Input/output error", "io-error"],
    ["/bin/sh: 1: flex: not found", "missing-program"],
  ])("is seen in what a program says: %s", (text, kind) => {
    expect(hostTroubleIn(text)?.kind).toBe(kind);
  });

  test.each([
    "kernel/fork.c:7:1: error: expected a semicolon",
    "fatal error: linux/foo.h: No such file or directory",
    "file not found in the index of Debian's archive: it has 6.1.129",
    "QEMU ended at once with exit code 1: -accel kvm: failed to initialize",
  ])("is not seen in what says nothing of the host: %s", (text) => {
    expect(hostTroubleIn(text)).toBeUndefined();
  });

  test("is seen by Node's code, whatever the words and however deep the cause", () => {
    const cause = Object.assign(new Error("Auf dem Gerät ist kein Speicherplatz mehr"), { code: "ENOSPC" });
    expect(hostTroubleOf(new InfraError("the image could not be made", { cause }))?.kind).toBe("disk-full");
    expect(hostTroubleOf(Object.assign(new Error("x"), { code: "EDQUOT" }))?.kind).toBe("quota");
    expect(hostTroubleOf("a text")).toBeUndefined();
  });

  test("is seen by SQLite's code", () => {
    using database = new DatabaseSync(":memory:");
    database.exec("PRAGMA max_page_count = 2; CREATE TABLE t (x)");
    const insert = database.prepare("INSERT INTO t VALUES (zeroblob(100000))");
    const error = (() => {
      try {
        insert.run();
      } catch (error) {
        return error;
      }
    })();
    expect(hostTroubleOf(error)?.kind).toBe("disk-full");
  });
});
