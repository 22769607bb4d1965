import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { debugKernelAt, debugKernelOf, findDebugKernels } from "../../src/decode/debug-kernel.ts";
import { type DebugKernel, decodeFindings } from "../../src/decode/decode.ts";
import { parsePlaces } from "../../src/decode/locate.ts";
import { linkTo, sourceOfRelease } from "../../src/decode/source-tree.ts";
import { parseSymbols } from "../../src/decode/symbols.ts";
import { kernelStore } from "../../src/kernel/stored.ts";
import type { Finding, Frame } from "../../src/kernel-log/finding.ts";
import { decodeWith } from "../../src/log/decode.ts";
import { reportOf } from "./read-log.ts";

// A busy machine takes its time over the compiler and the symbolizer.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const { signal } = new AbortController();

describe("parseSymbols", () => {
  const table = parseSymbols(
    [
      "first T 1000 10",
      "__pfx_second t 1014",
      "second t 1024 4",
      "alias t 1024 4",
      "third t 1030 8",
      "second t 2000 4",
      "data d 2010 4",
      "_end B 3000",
    ].join("\n"),
    new Set(["first", "second", "third", "data"]),
  );

  test("takes a function's size as kallsyms does: up to the next symbol, with or without padding's own", () => {
    expect(table.get("first")).toEqual([{ address: 0x1000n, sizes: [0x10, 0x14, 0x24] }]);
    expect(table.get("third")?.[0]?.sizes).toContain(0x2000 - 0x1030);
  });

  test("passes over names at the same address", () => {
    expect(table.get("second")?.[0]?.sizes).toEqual([4, 0x1030 - 0x1024]);
  });

  test("keeps every function of the same name, and no data", () => {
    expect(table.get("second")?.map(({ address }) => address)).toEqual([0x1024n, 0x2000n]);
    expect(table.has("data")).toBe(false);
  });
});

describe("parsePlaces", () => {
  test("reads inlined functions before the one they are in", () => {
    const text =
      "0x10\ninner\n/src/./a.h:7 (discriminator 3)\nouter\n/src/a.c:70\n0x20\n??\n??:0\n0x30\nasm\n/src/b.S:?\n";
    expect([...parsePlaces(text)]).toEqual([
      [
        0x10n,
        [
          { function: "inner", path: "/src/a.h", line: 7 },
          { function: "outer", path: "/src/a.c", line: 70 },
        ],
      ],
      [0x20n, []],
      [0x30n, []],
    ]);
  });
});

describe("links", () => {
  test.each([
    ["6.1.115", "v6.1.115"],
    ["6.1.0", "v6.1"],
    ["6.12.0-rc3", "v6.12-rc3"],
    ["6.12-rc3", "v6.12-rc3"],
  ])("of Linux %s lead to the tag %s", (release, tag) => {
    expect(linkTo(sourceOfRelease(release), "io_uring/tctx.c", 169)).toBe(
      `https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git/tree/io_uring/tctx.c?h=${tag}#n169`,
    );
  });

  test("of a git tree are a path and a line; a distribution's kernel has none", () => {
    expect(linkTo({ type: "git", tree: "/src/linux", commit: "0" }, "fs/x.c", 7)).toBe("/src/linux/fs/x.c:7");
    expect(linkTo(sourceOfRelease("6.1.0-56-amd64"), "fs/x.c", 7)).toBeUndefined();
  });
});

const compiler = spawnSync("gcc", ["--version"]).error === undefined;

describe.runIf(compiler)("a kernel image with debug information", () => {
  const dir = mkdtempSync(join(tmpdir(), "dstate-test-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const vmlinux = join(dir, "vmlinux");
  let kernel: DebugKernel;
  /** Addresses and sizes, as a call trace of this image would have them. */
  const symbols = (...names: string[]) => {
    const { stdout } = spawnSync("nm", ["-n", "-P", vmlinux], { encoding: "utf8" });
    return parseSymbols(stdout, new Set(names));
  };

  const source = [
    'const char banner[] __attribute__((used)) = "Linux version 6.1.115 (tester@nowhere) #1";', // 1
    "volatile int counter;", // 2
    '__attribute__((noinline, noclone)) void leaf(void) { counter++; __asm__ volatile(""); }', // 3
    "static inline __attribute__((always_inline)) void inner(void)", // 4
    "{", // 5
    "  leaf();", // 6
    "  counter++;", // 7
    "}", // 8
    "__attribute__((noinline, noclone)) void outer(void)", // 9
    "{", // 10
    "  inner();", // 11
    "  counter--;", // 12
    "}", // 13
    "void start_kernel(void) { outer(); counter++; }", // 14
    "int main(void) { start_kernel(); return 0; }", // 15
  ].join("\n");

  beforeAll(async () => {
    mkdirSync(join(dir, "init"));
    writeFileSync(join(dir, "init/main.c"), source);
    const built = spawnSync("gcc", ["-g", "-O1", "-no-pie", "-o", vmlinux, join(dir, "init/main.c")]);
    expect(built.stderr.toString()).toBe("");
    kernel = await debugKernelAt(vmlinux, { signal });
  });

  function frame(name: string, offset?: number, more: Partial<Frame> = {}): Frame {
    const size = symbols(name).get(name)?.[0]?.sizes.at(-1) ?? 0;
    return { function: name, offset: offset ?? size, size, reliable: true, ...more };
  }

  function finding(frames: readonly Frame[], more: Partial<Finding> = {}): Finding {
    return { kind: "hung-task", title: "a test", frames, firstLine: 1, lastLine: 2, ...more };
  }

  /** How far into a function its only call returns. */
  function returnsAt(name: string): number {
    const { stdout } = spawnSync("objdump", ["-d", "--no-show-raw-insn", vmlinux], { encoding: "utf8" });
    const lines = stdout.split(new RegExp(`<${name}>:\n`))[1]?.split("\n") ?? [];
    const call = lines.findIndex((line) => line.includes("call"));
    const after = Number.parseInt(/^\s*([0-9a-f]+):/.exec(lines[call + 1] ?? "")?.[1] ?? "", 16);
    return after - Number(symbols(name).get(name)?.[0]?.address);
  }

  test("says which Linux it is", () => {
    expect(kernel).toEqual({ vmlinux, release: "6.1.115", tree: { type: "release", version: "6.1.115" } });
  });

  test("names the line of the call, with inlined functions, where the log has what comes after it", async () => {
    const decoding = await decodeFindings([finding([frame("outer", returnsAt("outer"))])], kernel, {
      signal,
    });
    const link = (line: number): string => linkTo(kernel.tree, "init/main.c", line) ?? "";
    expect(decoding.findings[0]?.frames[0]?.places).toEqual([
      { function: "inner", file: "init/main.c", line: 6, inlined: true, link: link(6) },
      { function: "outer", file: "init/main.c", line: 11, inlined: false, link: link(11) },
    ]);
  });

  test("names the line of the instruction itself where the CPU was", async () => {
    const at = frame("outer", returnsAt("outer"), { instruction: true });
    const decoding = await decodeFindings([finding([at])], kernel, { signal });
    expect(decoding.findings[0]?.frames[0]?.places?.[0]).toMatchObject({ function: "inner", line: 7 });
  });

  test("leaves frames of modules, and functions it does not have, as they are", async () => {
    const frames = [frame("leaf", 1), frame("outer", 1, { module: "ext4" }), frame("elsewhere", 1)];
    const { findings, decoded } = await decodeFindings([finding(frames)], kernel, { signal });
    expect(findings[0]?.frames.map(({ places }) => places?.length)).toEqual([1, undefined, undefined]);
    expect(decoded).toBe(1);
  });

  test("refuses a finding with a function of another size, as a whole", async () => {
    const wrong = { ...frame("outer", 1), size: 4711 };
    const decoding = await decodeFindings([finding([frame("leaf", 1), wrong])], kernel, { signal });
    expect(decoding).toMatchObject({
      decoded: 0,
      refused: [expect.stringContaining("outer is 0x1267 bytes long")],
    });
    expect(decoding.findings[0]?.frames.some(({ places }) => places !== undefined)).toBe(false);
  });

  test("refuses a finding of another release, and decodes the others of the log", async () => {
    const found = [finding([frame("leaf", 1)], { kernel: "6.1.129" }), finding([frame("leaf", 1)])];
    const decoding = await decodeFindings(found, kernel, { signal });
    expect(decoding).toMatchObject({
      decoded: 1,
      refused: [expect.stringContaining("the log is of Linux 6.1.129")],
    });
    expect(decoding.findings[0]?.frames[0]).not.toHaveProperty("places");
  });

  test("that is not the log's is a mistake when the user chose it", async () => {
    const report = await reportOf("INFO: task x:1 blocked for more than 10 seconds.\n outer+0x1/0x9999\n");
    await expect(decodeWith(kernel, report, { signal })).rejects.toThrow(
      /is not the kernel of this log: outer is 0x9999/,
    );
  });

  test("without debug information says so", async () => {
    const stripped = join(dir, "stripped");
    spawnSync("objcopy", ["--strip-debug", vmlinux, stripped]);
    const plain = await debugKernelAt(stripped, { signal });
    await expect(decodeFindings([finding([frame("leaf", 1)])], plain, { signal })).rejects.toThrow(
      "has no debug information",
    );
  });

  test("without symbols says so", async () => {
    const stripped = join(dir, "stripped-all");
    spawnSync("objcopy", ["--strip-all", vmlinux, stripped]);
    const plain = await debugKernelAt(stripped, { signal });
    const decoding = decodeFindings([finding([frame("leaf", 1)])], plain, { signal });
    await expect(decoding).rejects.toThrow("is no kernel image with symbols");
  });
});

describe("looking for an image", () => {
  const dir = mkdtempSync(join(tmpdir(), "dstate-test-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const context = { settings: readSettings({ DSTATE_CACHE: dir }, dir), progress: silent, signal };

  test.each(["../../etc/passwd", "6.1/../../x", "-rf", ""])(
    "the release %j of a hostile log finds nothing",
    async (release) => {
      expect(await findDebugKernels(release, context)).toEqual([]);
    },
  );

  test("finds the twins of kernels built here, and no kernel without debug information", async () => {
    const entries = [
      { kind: "release", selector: "6.1.115", version: "6.1.115" },
      { kind: "release", selector: "6.1.115", version: "6.1.115", debugInfoOf: "plain" },
      { kind: "git", selector: "git:/src/linux@00c0ffee", version: "6.1.115", debugInfoOf: "other" },
      { kind: "release", selector: "6.1.129", version: "6.1.129", debugInfoOf: "another" },
    ];
    for (const [index, about] of entries.entries()) {
      await kernelStore(context).findOrMake(`kernel-${index}`, { within: "10s", signal }, async (to) => {
        writeFileSync(join(to, "vmlinux"), "");
        return { ...about, boot: "vmlinux", vmlinux: "vmlinux", provenance: "a test" };
      });
    }
    const found = await findDebugKernels("6.1.115", context);
    expect(found.map(({ vmlinux, tree }) => [vmlinux.split("/").at(-2), tree])).toEqual([
      ["kernel-1", { type: "release", version: "6.1.115" }],
      ["kernel-2", { type: "git", tree: "/src/linux", commit: "00c0ffee" }],
    ]);
    expect(await debugKernelOf({ type: "release", version: "6.1.129" }, context)).toMatchObject({
      release: "6.1.129",
    });
  });

  test("a release that is not in the cache is a mistake, with the command that makes it", async () => {
    const looked = debugKernelOf({ type: "release", version: "6.1.116" }, context);
    await expect(looked).rejects.toMatchObject({
      exitCode: 2,
      next: expect.stringContaining("dstate kernels build 6.1.116 --debug-info"),
    });
  });

  test("Debian's kernels need the package of their debug symbols", async () => {
    const looked = debugKernelOf({ type: "deb", version: "6.12.43" }, context);
    await expect(looked).rejects.toMatchObject({ next: expect.stringContaining("-dbg") });
  });
});
