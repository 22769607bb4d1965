import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-git-bisect-"));
  await writeFile(join(dir, "a-file"), "");
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function codeOf(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number | null> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], {
      cwd: dir,
      env: { ...process.env, DSTATE_LOGS: join(dir, "logs"), ...env },
    });
    child.once("exit", resolve);
  });
}

describe("--git-bisect-run", () => {
  test.each([
    ["an unknown repro", ["run", "no-such-repro"]],
    ["a misspelt option", ["run", "io-uring-dstate", "--kernl", "6.1.115"]],
    ["a command without a kernel", ["exec"], ["--", "true"]],
  ])("stops git at %s, which it would take for the bug", async (_what, argv, rest: string[] = []) => {
    expect(await codeOf([...argv, ...rest])).toBe(2);
    expect(await codeOf([...argv, "--git-bisect-run", ...rest])).toBe(255);
  });

  test("has git pass over what failed on our side", async () => {
    const argv = ["run", "io-uring-dstate", "--kernel", "6.1.115"];
    const env = { DSTATE_CACHE: join(dir, "a-file") };
    expect(await codeOf(argv, env)).toBe(70);
    expect(await codeOf([...argv, "--git-bisect-run"], env)).toBe(125);
  });

  test("is the guest's own word after `--`", async () => {
    expect(await codeOf(["exec", "--", "true", "--git-bisect-run"])).toBe(2);
  });
});

test("git itself passes over our failures, and names no commit that it has not seen fail", async () => {
  const git = async (...argv: string[]): Promise<string> =>
    (
      await command(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", ...argv], {
        within: "60s",
        cwd: dir,
      })
    ).stdout;
  await git("init", "--quiet");
  for (const name of ["one", "two", "three"]) await git("commit", "--quiet", "--allow-empty", "-m", name);
  await git("bisect", "start", "HEAD", "HEAD~2");
  const script = ["run", "io-uring-dstate", "--kernel", "6.1.115", "--git-bisect-run"];
  const run = ["env", `DSTATE_CACHE=${join(dir, "a-file")}`, process.execPath, bin, ...script];
  const said = await git("bisect", "run", ...run).catch((error: Error) => error.message);
  expect(said).toContain("bisect run cannot continue any more");
  expect(said).not.toContain("first bad commit");
});
