import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { requireMachines, whyNoMachines } from "../../src/platform/host.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** dstate as it would run elsewhere, as far as Node tells what a host is. */
function elsewhere(host: { platform: string; arch: string }, argv: readonly string[], input?: Buffer) {
  const pretend = `for (const [name, value] of Object.entries(${JSON.stringify(host)})) Object.defineProperty(process, name, { value });`;
  const preload = `data:text/javascript,${encodeURIComponent(pretend)}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", preload, "bin/dstate.mjs", ...argv],
    { cwd: root, encoding: "utf8", ...(input === undefined ? {} : { input }) },
  );
  return { status, stdout, stderr };
}

test("machines need Linux on x86-64", () => {
  expect(whyNoMachines({ platform: "linux", arch: "x64" })).toBeUndefined();
  expect(() => requireMachines({ platform: "linux", arch: "x64" })).not.toThrow();
  expect(() => requireMachines({ platform: "linux", arch: "arm64" })).toThrow(
    "machines need Linux on x86-64, and this is Linux on arm64",
  );
});

describe.each([
  { platform: "darwin", arch: "arm64", name: "macOS on arm64" },
  { platform: "linux", arch: "arm64", name: "Linux on arm64" },
])("on $name", ({ name, ...host }) => {
  test("a trial says what it needs, and what works, before it fetches anything", () => {
    const { status, stderr } = elsewhere(host, ["run", "io-uring-dstate"]);
    expect(status).toBe(70);
    expect(stderr).toContain(`machines need Linux on x86-64, and this is ${name}`);
    expect(stderr).toContain("dmesg");
    expect(stderr).not.toContain("get Node");
  });

  test("a kernel log is read as anywhere", () => {
    const log = readFileSync(new URL("fixtures/kernel-log/hung-task.txt", import.meta.url));
    const { status, stdout } = elsewhere(host, ["dmesg"], log);
    expect(stdout).toContain("hung");
    expect(status).not.toBe(70);
  });

  test("doctor says what this host is", () => {
    const { status, stdout } = elsewhere(host, ["doctor"]);
    expect(status).toBe(70);
    expect(stdout).toContain(name);
  });
});
