import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listRuns, readRun } from "../../src/record/read-run.ts";
import { kernel } from "./vm.ts";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const library = new URL("../../src/vitest/index.ts", import.meta.url).pathname;
let dir = "";
/** What a suite with a test that fails once and is tried again came to, with vitest's own reporters. */
let code: number | null = null;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-vitest-"));
  await symlink(modules, join(dir, "node_modules"));
  await writeFile(
    join(dir, "vitest.config.mjs"),
    "export default { test: { retry: 1, fileParallelism: false, testTimeout: 300_000 } };\n",
  );
  await writeFile(
    join(dir, "flaky.test.ts"),
    `import { expect, test } from ${JSON.stringify(library)};
    let tries = 0;
    test("is well at last", { kernel: ${JSON.stringify(kernel)}, cpus: 1, memory: "512MiB" }, async ({ vm }) => {
      tries += 1;
      await vm.$\`echo "<4>WARNING: try \${tries}" > /dev/kmsg\`;
      expect(tries).toBe(2);
    });
    `,
  );
  const argv = [
    join(modules, "vitest/vitest.mjs"),
    ...["run", "--root", dir, "--reporter=junit", "--outputFile.junit=junit.xml"],
    ...["--reporter=json", "--outputFile.json=report.json"],
  ];
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  code = await new Promise((resolve) => {
    const child = execFile(process.execPath, argv, { cwd: dir, env }, () => resolve(child.exitCode));
  });
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test("each attempt of a test is a run of its own, and the one that failed says so", async () => {
  expect(code).toBe(0);
  const runs = await listRuns({ logsDir: join(dir, "logs") });
  const outcomes = await Promise.all(
    runs.map(async (run) => (await readRun(join(dir, "logs", run))).record.trials[0]?.outcome),
  );
  expect(outcomes.sort()).toEqual(["failed", "passed"]);
});

test("an attempt that failed keeps its evidence in vitest's JUnit report, though another one passed", async () => {
  const junit = await readFile(join(dir, "junit.xml"), "utf8");
  for (const said of ["attempt 1: evidence: ", "attempt 1: the page", "attempt 1: the console"])
    expect(junit).toContain(`<property name="dstate" value="${said}`);
  expect(junit).not.toContain("attempt 2");
});

test("its page and its console are attachments of vitest's own", async () => {
  const places = await readdir(join(dir, ".vitest/attachments"), { recursive: true });
  const attached = places.filter((name) => /\.(?:html|txt|log)$/.test(name));
  expect(attached).toHaveLength(2);
  const [page = ""] = attached.filter((name) => name.endsWith(".html"));
  expect(await readFile(join(dir, ".vitest/attachments", page), "utf8")).toContain("dstate");
});
