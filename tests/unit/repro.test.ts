import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { compareVersions, installedPackages } from "../../src/image/debian.ts";
import { type Axes, chooseCell, describeCell } from "../../src/lab/cell.ts";
import { qemuArguments } from "../../src/machine/argv.ts";
import { crashIn } from "../../src/machine/fault.ts";
import { makeKeyPair } from "../../src/machine/seed.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";
import { fitWidths, renderTable } from "../../src/report/table.ts";
import { defineRepro, type ReproDefinition } from "../../src/repro/define.ts";
import { judge } from "../../src/repro/judge.ts";
import { exitCodeOf, type Outcome, worstOutcome } from "../../src/repro/outcome.ts";
import { nearestVersions } from "../../src/runtime/version.ts";

const axes: Axes = {
  kernel: ["6.1.115", "6.1.129"],
  node: ["20.9.0"],
  env: [{}, { A: "1" }],
  own: { workload: ["lstat", "npm-ci"] },
};

describe("cells", () => {
  test("what is not chosen is the first value of its axis", () => {
    expect(chooseCell(axes, {})).toEqual({
      kernel: "6.1.115",
      node: "20.9.0",
      env: {},
      image: "debian",
      axes: { workload: "lstat" },
    });
  });

  test("an axis or a value that does not exist is a usage error that names those that do", () => {
    expect(() => chooseCell(axes, { axes: { libc: "musl" } })).toThrow(UsageError);
    expect(() => chooseCell(axes, { axes: { workload: "nothing" } })).toThrow(/no value "nothing"/);
  });

  test("only an axis that says so takes the path of a file", () => {
    const open: Axes = { ...axes, files: ["workload"] };
    expect(chooseCell(open, { axes: { workload: "./mine.json" } }).axes).toEqual({ workload: "./mine.json" });
    expect(() => chooseCell(open, { axes: { workload: "mine.json" } })).toThrow(/no value/);
    expect(() => chooseCell(axes, { axes: { workload: "./mine.json" } })).toThrow(/no value/);
  });

  test("a cell reads as one line", () => {
    expect(describeCell(chooseCell(axes, { env: { UV_USE_IO_URING: "0" } }))).toBe(
      "kernel 6.1.115, node 20.9.0, UV_USE_IO_URING=0, workload lstat",
    );
    const kernel = `git:/home/me/linux@${"0123456789".repeat(4)}`;
    expect(describeCell(chooseCell(axes, { kernel }))).toContain("kernel git:linux@012345678901,");
  });
});

describe("outcomes", () => {
  const definition = {
    signature: (seen: { bug: boolean; done: boolean }) => seen.bug,
    healthy: (seen: { bug: boolean; done: boolean }) => seen.done,
  };

  test.each([
    [{ bug: true, done: false }, "reproduced"],
    [{ bug: false, done: true }, "clean"],
    [{ bug: false, done: false }, "inconclusive"],
    [{ bug: true, done: true }, "reproduced"],
  ] as const)("%j is judged %s: an unfinished trial is never clean", (seen, outcome) => {
    expect(judge(definition, seen)).toBe(outcome);
  });

  test.each<[Outcome[], Outcome]>([
    [["clean", "clean"], "clean"],
    [["clean", "reproduced", "infra-error"], "reproduced"],
    [["clean", "infra-error"], "infra-error"],
    [["clean", "inconclusive"], "inconclusive"],
    [[], "inconclusive"],
  ])("%j comes to %s", (outcomes, together) => {
    expect(worstOutcome(outcomes)).toBe(together);
  });

  test("exit codes are what git bisect run understands", () => {
    expect((["clean", "reproduced", "inconclusive", "infra-error"] as const).map(exitCodeOf)).toEqual([
      0, 1, 125, 70,
    ]);
  });

  test("an id that is not kebab-case is refused, and so is a definition with a part missing", () => {
    const complete: ReproDefinition<object> = {
      id: "is-kebab",
      title: "",
      upstream: ["https://example.org"],
      axes: { kernel: ["6.1"] },
      cells: { bad: [{}], control: [{}] },
      deadline: "1m",
      trial: async () => ({}),
      signature: () => false,
      healthy: () => true,
      summary: () => "",
    };
    expect(() => defineRepro(complete)).not.toThrow();
    expect(() => defineRepro({ ...complete, id: "Not Kebab" })).toThrow(UsageError);
    for (const part of ["trial", "signature", "healthy", "summary"]) {
      const lacking = Object.fromEntries(Object.entries(complete).filter(([name]) => name !== part));
      // What a file without type checking hands over.
      expect(() => defineRepro(lacking as unknown as typeof complete)).toThrow(
        `${part}: expected a function`,
      );
    }
  });
});

describe("the machine's arguments", () => {
  test("paths with commas survive QEMU's option lists, and nothing listens beyond this host", () => {
    const argv = qemuArguments({
      accelerator: { type: "tcg" },
      cpus: 2,
      memory: 2 ** 30,
      kernel: "/k",
      commandLine: "console=ttyS0",
      disks: [{ serial: "dstate-root", path: "/a,b", format: "raw", access: "private" }],
      qmpSocket: "/q",
      consoleSocket: "/c",
      commandsSocket: "/d",
      errorsSocket: "/e",
      network: "isolated",
    });
    expect(argv.join(" ")).toContain("file=/a,,b,");
    expect(argv.filter((word) => word.includes("hostfwd"))).toEqual([
      expect.stringContaining("hostfwd=tcp:127.0.0.1:0-:22"),
    ]);
    expect(argv.join(" ")).toContain("snapshot=on");
  });

  test("an emulated processor without ERMS has no FSRM either, which old kernels take to imply it", () => {
    const names = guestPlatform.qemu.leftOutFeatures.map(({ name }) => name);
    expect(names.includes("erms")).toBe(true);
    expect(names.includes("fsrm")).toBe(true);
    // QEMU 7.2 ends at once for a name that it does not know.
    expect(names).not.toContain("fzrm");
  });

  test("every key pair can be read back, the one in 256 that ssh2 spoils too", () => {
    for (let count = 0; count < 600; count += 1)
      expect(makeKeyPair("test").blob.length).toBe(4 + 11 + 4 + 32);
  });

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
});

describe("tables", () => {
  test("the widest column gives way first", () => {
    expect(fitWidths([10, 100, 20], 60)).toEqual([10, 30, 20]);
    expect(fitWidths([4, 4], 100)).toEqual([4, 4]);
  });

  test("escape sequences of a guest do not reach the terminal", () => {
    expect(renderTable(["a"], [["\x1b[31mred\x1b]0;title\x07"]], { width: 40 })).not.toMatch(/[\x1b\x07]/);
  });
});

describe("versions", () => {
  test("dpkg's status file gives names and versions", () => {
    expect(installedPackages("Package: a\nVersion: 1\n\nPackage: b\nStatus: x\nVersion: 2~1\n")).toEqual({
      a: "1",
      b: "2~1",
    });
  });

  test("only packages whose pinned version differs are told", () => {
    expect(compareVersions({ a: "1", b: "2" }, { a: "1", b: "3", c: "9" })).toEqual(["b 3 (pinned 2)"]);
  });

  test("the nearest releases of an unknown one are those around it", () => {
    expect(nearestVersions("20.99.0", ["18.0.0", "20.18.0", "20.19.0", "21.0.0", "22.0.0"], 3)).toEqual([
      "20.18.0",
      "20.19.0",
      "21.0.0",
    ]);
  });
});
