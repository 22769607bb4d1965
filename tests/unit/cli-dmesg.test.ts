import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { documentIn } from "./documents.ts";

// Each test starts the real command line, and a busy machine takes its time over that.
vi.setConfig({ testTimeout: 60_000 });

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const fixture = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/kernel-log/${name}.txt`, import.meta.url));

const dir = mkdtempSync(join(tmpdir(), "dstate-test-"));
afterAll(() => rmSync(dir, { recursive: true }));

// A cache of their own: what this machine has must not change what is printed.
const env: NodeJS.ProcessEnv = { ...process.env, DSTATE_CACHE: join(dir, "cache"), NO_COLOR: "1" };

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function dmesg(args: readonly string[], options: { input?: Buffer | string; path?: string } = {}): Result {
  const { input = "", path = env.PATH } = options;
  return spawnSync(process.execPath, [bin, "dmesg", ...args], {
    env: { ...env, PATH: path },
    input,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
}

describe("dstate dmesg", () => {
  test("prints the findings of a file and exits with 1", () => {
    const { status, stdout, stderr } = dmesg([fixture("hung-task")]);
    expect(stdout).toContain(
      "INFO: task hung in io_uring_del_tctx_node\n  hung-task · lines 1-23 · 52.119 s",
    );
    expect(stdout).toMatch(/\n2 findings of 1 kind in 39 lines \(.*\)\n$/);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  });

  test("says that there are none and exits with 0", () => {
    const { status, stdout } = dmesg([fixture("harmless")]);
    expect(stdout).toMatch(/^no findings in \d+ lines/);
    expect(status).toBe(0);
  });

  test.each([[["-"]], [[]]])("reads standard input with the arguments %j", (args) => {
    const { status, stdout } = dmesg([...args, "--json"], { input: readFileSync(fixture("kasan")) });
    expect(status).toBe(1);
    expect(documentIn("dmesg", stdout)).toMatchObject({
      log: "standard input",
      compression: null,
      lines: 37,
      total: 1,
      kinds: { kasan: 1 },
      findings: [
        {
          kind: "kasan",
          severity: "crash",
          title: "KASAN: slab-use-after-free Read in tinytty_release",
          guilty: "tinytty_release",
          firstLine: 2,
          count: 1,
        },
      ],
    });
  });

  test("prints one whole JSON document however long it is", () => {
    const folder = new URL("./fixtures/kernel-log/", import.meta.url);
    const all = readdirSync(folder).map((name) => readFileSync(new URL(name, folder)));
    const { status, stdout } = dmesg(["--json"], { input: Buffer.concat(all) });
    expect(stdout.length).toBeGreaterThan(100_000);
    expect(documentIn("dmesg", stdout).findings.length).toBeGreaterThan(80);
    expect(status).toBe(1);
  });

  test.each([[["--json"]], [["--full"]], [[]]])(
    "lets nothing of a hostile log reach the terminal raw: %j",
    (args) => {
      const title = "INFO: task \x1b]0;owned\x07\u202eevil\x9b2J:1 blocked for more than 10 seconds.";
      const junk = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 167) % 256));
      const input = Buffer.concat([
        junk,
        Buffer.from(`\n${title}\n`),
        Buffer.from(`[    1.0] \x1b[31m holder+0x1/0x2 [\x1b]8;;x\x1b\\]\n holder+0x1/0x20\n`),
        Buffer.from(`BUG: KASAN: ${"x".repeat(1_000_000)}\x1b]`),
        junk,
      ]);
      const { status, stdout } = dmesg(args, { input });
      expect(stdout).toContain("task hung in holder");
      expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
      expect(status).toBe(1);
    },
  );

  test("explains a finding, and names the repro whose signature it is", () => {
    const { status, stdout } = dmesg([fixture("recorded-io-uring-6.1.115"), "--explain", "2", "--repro"]);
    expect(stdout).toContain("node waits for a mutex");
    expect(stdout).toContain("https://docs.kernel.org/admin-guide/sysctl/kernel.html#hung-task-timeout-secs");
    expect(stdout).toContain("This is what the repro io-uring-dstate shows (line 51):");
    expect(stdout).toContain("dstate run io-uring-dstate");
    expect(status).toBe(1);
  });

  test("says so when no known repro has this signature, and in the document too", () => {
    expect(dmesg([fixture("kasan"), "--repro"]).stdout).toContain("No known repro has this signature");
    const document = JSON.parse(dmesg([fixture("kasan"), "--repro", "--explain", "1", "--json"]).stdout);
    expect(document).toMatchObject({ repros: [], explanation: { finding: 1 } });
  });

  test.each([
    ["hung-task", [], 1],
    ["hung-task", ["--fail-on", "stall"], 1],
    ["hung-task", ["--fail-on", "crash"], 0],
    ["null-deref", ["--fail-on", "stall"], 1],
    ["device-errors", [], 1],
    ["device-errors", ["--fail-on", "check"], 0],
  ])("%s with %j ends with %i", (name, args, code) => {
    expect(dmesg([fixture(name), ...args]).status).toBe(code);
  });

  test.each([
    [
      "a finding that is not there",
      ["--explain", "7", fixture("kasan")],
      "there is no finding 7 to explain: the log has one",
    ],
    ["a number that is none", ["--explain", "one", fixture("kasan")], "expected the number of a finding"],
    [
      "a severity that is none",
      ["--fail-on", "bad", fixture("kasan")],
      "Allowed choices are crash, stall, check, notice",
    ],
    ["a file that is not there", ["no-such-file"], "no-such-file cannot be read: there is no such file"],
    ["a folder", [tmpdir()], "is a folder, and a log is a file"],
    ["two images", ["--vmlinux", "a", "--kernel", "6.1.115", fixture("kasan")], "give one of them"],
    ["an image that is none", ["--vmlinux", fixture("kasan"), fixture("kasan")], "is no kernel image"],
    ["no image", ["--vmlinux", "no-such-file", fixture("kasan")], "no-such-file cannot be read"],
    [
      "a kernel without debug information",
      ["--kernel", "6.1.115", fixture("kasan")],
      "dstate kernels build 6.1.115 --debug-info",
    ],
    ["an unknown option", ["--since", "yesterday"], "unknown option"],
  ])("ends with 2 and a sentence for %s", (_, args, sentence) => {
    const { status, stdout, stderr } = dmesg(args);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain("    at ");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });

  test("ends quietly when whoever reads has seen enough", async () => {
    const child = spawn(process.execPath, [bin, "dmesg", "--json"], { env, stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stdout.destroy();
    child.stdin.end(readFileSync(fixture("kasan")));
    const code = await new Promise((done) => child.on("close", done));
    expect({ code, said }).toEqual({ code: 1, said: "" });
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "ends orderly with 130 on %s, though no line comes in",
    async (signal) => {
      const child = spawn(process.execPath, [bin, "dmesg"], { env, stdio: ["pipe", "pipe", "pipe"] });
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      const closed = new Promise((done) => child.on("close", done));
      // More than a pipe holds is taken only once it reads.
      await new Promise<void>((done) => child.stdin.write("a line\n".repeat(100_000), () => done()));
      child.kill(signal);
      expect(await closed).toBe(130);
      expect(said).toContain(`interrupted by ${signal}`);
      child.stdin.destroy();
    },
  );

  test("takes a damaged packed log for no clean one, and a missing unpacker for no fault of the log", () => {
    const path = join(dir, "packed.log");
    writeFileSync(path, Buffer.from("fd377a585a000004e6d6b4460200", "hex"));
    const missing = dmesg([path], { path: dir });
    expect(missing.stderr).toContain('the program "xz" is not installed');
    expect(missing.status).toBe(70);
    const damaged = dmesg([path]);
    expect(damaged.status === 2 || damaged.stderr.includes("is not installed")).toBe(true);
  });
});
