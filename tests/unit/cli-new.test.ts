import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { UsageError } from "../../src/base/errors.ts";
import { libraryFor, writeRepro } from "../../src/cli/new.ts";

const homeDir = fileURLToPath(new URL("../..", import.meta.url));
const bin = join(homeDir, "bin/dstate.mjs");
let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "dstate-new-"));
});
afterEach(async () => await rm(cwd, { recursive: true, force: true }));

describe("a new repro", () => {
  test("is one that can be judged: it has a signature, a bad cell and a control", async () => {
    const { folder } = await writeRepro("my-report", { cwd, homeDir });
    expect(folder).toBe(join(cwd, "repros/my-report"));
    await access(join(folder, "workload/workload.mjs"));
    const text = await readFile(join(folder, "repro.ts"), "utf8");
    for (const part of ["signature:", "healthy:", "summary:", "bad:", "control:"])
      expect(text).toContain(part);
  });

  // npm init writes "commonjs"; an older one wrote nothing.
  test.each(['{ "type": "commonjs" }', "{}", '{ "type": "module" }', undefined])(
    "is found by its name from the folder in which it was made, in a project with the package.json %s",
    async (manifest) => {
      if (manifest) await writeFile(join(cwd, "package.json"), manifest);
      const options = { within: "60s", cwd } as const;
      await command([process.execPath, bin, "new", "my-report"], options);
      const { stdout, stderr } = await command([process.execPath, bin, "repros", "--json"], options);
      expect(JSON.parse(stdout).broken).toEqual([]);
      expect(JSON.parse(stdout).repros).toContainEqual(
        expect.objectContaining({ id: "my-report", file: join(cwd, "repros/my-report/repro.ts") }),
      );
      expect(stderr).toBe("");
    },
  );

  test("imports dstate by its name, and is told what an editor needs, where dstate is not installed", async () => {
    const { folder, needsDstate } = await writeRepro("my-report", { cwd, homeDir });
    const text = await readFile(join(folder, "my-report.test.ts"), "utf8");
    expect(text).toContain('from "dstate/vitest"');
    expect(needsDstate).toBe(true);
    await mkdir(join(cwd, "node_modules/dstate"), { recursive: true });
    await writeFile(join(cwd, "node_modules/dstate/package.json"), "{}");
    expect((await writeRepro("another", { cwd, homeDir })).needsDstate).toBe(false);
  });

  test("goes to tests/repros where there is one, and to where it is asked to go", async () => {
    await mkdir(join(cwd, "tests/repros"), { recursive: true });
    expect((await writeRepro("a", { cwd, homeDir })).folder).toBe(join(cwd, "tests/repros/a"));
    expect((await writeRepro("a", { cwd, homeDir, place: "b/c" })).folder).toBe(join(cwd, "b/c/a"));
  });

  test("has the type checker's consent", async () => {
    const { folder } = await writeRepro("my-report", { cwd, homeDir, place: join(homeDir, "logs") });
    try {
      const text = await readFile(join(homeDir, "tsconfig.json"), "utf8");
      const { compilerOptions } = JSON.parse(text) as { compilerOptions: object };
      const config = join(folder, "tsconfig.json");
      const include = ["*.ts"];
      await writeFile(config, JSON.stringify({ compilerOptions, include }));
      await command([join(homeDir, "node_modules/.bin/tsc"), "--project", config], { within: "2m" });
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 120_000);

  test("leaves a folder alone that is there already", async () => {
    const { folder } = await writeRepro("my-report", { cwd, homeDir });
    await writeFile(join(folder, "repro.ts"), "mine");
    await expect(writeRepro("my-report", { cwd, homeDir })).rejects.toThrow(/exists already/);
    expect(await readFile(join(folder, "repro.ts"), "utf8")).toBe("mine");
  });

  test.each(["", "My-Report", "my_report", "../escape", "a/b", "-a", "a--b", "a.ts", "ä"])(
    "cannot be called %j",
    async (id) => {
      await expect(writeRepro(id, { cwd, homeDir })).rejects.toThrow(UsageError);
    },
  );

  test("cannot be made where there is a file in the way", async () => {
    await writeFile(join(cwd, "file"), "");
    await expect(writeRepro("a", { cwd, homeDir, place: "file" })).rejects.toThrow(/cannot be made/);
  });
});

test.each([
  ["/checkout/repros/my-report", "/checkout", "../../src"],
  ["/elsewhere/my-report", "/checkout", "dstate"],
  ["/checkout-2/my-report", "/checkout", "dstate"],
  ["/project/repros/x", "/project/node_modules/dstate", "dstate"],
])("a new repro in %s of dstate in %s imports it from %s", (folder, home, library) => {
  expect(libraryFor(folder, home)).toBe(library);
});
