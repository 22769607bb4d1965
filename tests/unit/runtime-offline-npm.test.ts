import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fillNpmCache } from "../../src/runtime/offline-npm.ts";

test("a project's packages are fetched for a guest without one of their scripts being run on the host", async ({
  signal,
}) => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-npm-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  const marker = join(dir, "ran");
  const about = { name: "hostile", version: "1.0.0" };
  const scripts = Object.fromEntries(
    ["preinstall", "install", "postinstall", "prepare"].map((name) => [name, `touch '${marker}'`]),
  );
  await writeFile(join(dir, "package.json"), JSON.stringify({ ...about, scripts }));
  const lock = { ...about, lockfileVersion: 3, requires: true, packages: { "": about } };
  await writeFile(join(dir, "package-lock.json"), JSON.stringify(lock));
  await fillNpmCache(dir, { cache: join(dir, "cache"), signal });
  await expect(access(marker)).rejects.toThrow("ENOENT");
});
