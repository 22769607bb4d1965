import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { documentIn } from "../unit/documents.ts";
import { ownedBy } from "./owned.ts";
import { kernel } from "./vm.ts";

const copies = join(readSettings().cacheDir, "copies");
const program = new URL("../../bin/dstate.mjs", import.meta.url).pathname;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-exec-"));
  await mkdir(join(dir, "project"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
});

async function dstate(
  args: readonly string[],
  options: { onStderr?: (text: string, child: ReturnType<typeof spawn>) => void } = {},
): Promise<{ pid: number | undefined; code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [program, "exec", ...args], {
    cwd: dir,
    env: { ...process.env, DSTATE_LOGS: join(dir, "logs") },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr, child);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { pid: child.pid, code, stdout, stderr };
}

describe("dstate exec", () => {
  test("runs a folder's own command in the guest and brings named results back", async () => {
    await writeFile(
      join(dir, "project", "run.sh"),
      'printf "hello $WHO\\n"; echo to-stderr >&2; mkdir -p out/deep; echo result > out/deep/a.txt; echo changed > run.sh\n',
    );
    const args = ["--kernel", kernel, "--copy", "project", "--env", "WHO=world", "--take", "out,missing"];
    const ran = await dstate([...args, "--out", "results", "--", "sh", "run.sh"]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain(`${kernel} | hello world`);
    expect(ran.stderr).toContain(`${kernel} | to-stderr`);
    expect(ran.stdout).toContain("exit code 0");
    expect(await readFile(join(dir, "results", kernel, "out/deep/a.txt"), "utf8")).toBe("result\n");
    // What the guest changed is not written back, and the copy is gone.
    expect(await readFile(join(dir, "project", "run.sh"), "utf8")).toContain("hello");
    expect(await ownedBy(ran.pid, copies)).toEqual([]);
  });

  test("tells a failure, a signal and an OOM kill apart, none of them green, as one JSON document", async () => {
    const json = async (...argv: string[]): Promise<{ code: number | null; end: unknown }> => {
      const ran = await dstate(["--kernel", kernel, "--memory", "512MiB", "--json", "--", ...argv]);
      const { exitCode, cells } = documentIn("exec", ran.stdout);
      expect(exitCode).toBe(1);
      return { code: ran.code, end: cells[0]?.end };
    };
    expect(await json("sh", "-c", "exit 3")).toEqual({ code: 1, end: { type: "exited", exitCode: 3 } });
    expect(await json("sh", "-c", "kill -SEGV $$")).toEqual({
      code: 1,
      end: { type: "signalled", signal: "SIGSEGV" },
    });
    // The command itself ends with 0; the kernel killed its child.
    const swallow = "tail /dev/zero; true";
    expect(await json("sh", "-c", swallow)).toMatchObject({ code: 1, end: { type: "out-of-memory" } });
  });

  test("is never green when the guest's kernel panicked or the machine was powered off", async () => {
    for (const [script, type] of [
      ["echo c > /proc/sysrq-trigger; sleep 60", "crashed"],
      ["poweroff -f; sleep 60", "machine-ended"],
    ] as const) {
      const ran = await dstate(["--kernel", kernel, "--json", "--", "sh", "-c", script]);
      expect(ran.code).toBe(1);
      expect(documentIn("exec", ran.stdout).cells[0]?.end?.type).toBe(type);
    }
  });

  test("is no success when the results that were asked for are lost on the way", async () => {
    await writeFile(join(dir, "in-the-way"), "");
    const args = ["--kernel", kernel, "--copy", "project", "--take", "a", "--out", "in-the-way"];
    const ran = await dstate([...args, "--", "sh", "-c", "echo 1 > a"]);
    expect(ran.code).toBe(70);
    expect(ran.stdout).toContain("exit code 0");
    expect(ran.stdout).toContain("the results were not brought back");
  });

  test("ends a command that is late, and says what SIGKILL did", async () => {
    const ran = await dstate(["--kernel", kernel, "--within", "3s", "--json", "--", "sleep", "1000"]);
    expect(ran.code).toBe(1);
    expect(documentIn("exec", ran.stdout).cells[0]?.end).toMatchObject({
      type: "late",
      afterKill: { state: "reaped" },
    });
  });

  test("interrupted, ends every machine and leaves nothing", async () => {
    let interrupted = false;
    const ran = await dstate(
      ["--kernel", kernel, "--copy", "project", "--", "sh", "-c", "echo up >&2; sleep 1000"],
      {
        onStderr: (text, child) => {
          if (interrupted || !text.includes("| up")) return;
          interrupted = true;
          child.kill("SIGINT");
        },
      },
    );
    expect(ran.code).toBe(130);
    expect(await ownedBy(ran.pid, copies)).toEqual([]);
  });

  test("refuses a kernel that does not exist, with exit code 2 and nothing left behind", async () => {
    const ran = await dstate(["--kernel", "deb:1.0.0", "--copy", "project", "--", "true"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/dstate: .*1\.0\.0/);
    expect(await ownedBy(ran.pid, copies)).toEqual([]);
  });
});
