import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { Run } from "../../src/record/run.ts";
import { bootVm, kernel } from "./vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;

/** Every file below a folder that has a text in it, as it stands or packed into a disk. */
async function filesWith(text: string, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(path);
  }
  return found;
}

test("a token of this process' environment reaches no guest, no QEMU, no log and no run", async ({
  signal,
}) => {
  const token = `token-${Math.random().toString(36).slice(2)}-of-the-host`;
  process.env.DSTATE_TEST_TOKEN = token;
  onTestFinished(() => void delete process.env.DSTATE_TEST_TOKEN);
  const settings = readSettings();
  const vm = await bootVm();
  const run = await Run.open({ kind: "run", about: "secrets" }, { settings, signal });
  try {
    expect(await readFile(`/proc/${vm.machine.pid}/environ`, "utf8")).not.toContain(token);
    const { stdout } = await vm.guest.exec(
      'env; for file in /proc/[0-9]*/environ; do tr "\\0" "\\n" < "$file"; done; cat /proc/cmdline; dmesg',
    );
    expect(stdout).toContain("PATH=");
    expect(stdout).not.toContain(token);
    expect(await filesWith(token, vm.machine.runPath)).toEqual([]);
    const trial = await run.begin({ title: "a trial" });
    await trial.ended({ outcome: "clean", took: 1 });
  } finally {
    await vm[Symbol.asyncDispose]();
    await run[Symbol.asyncDispose]();
  }
  for (const dir of [vm.evidenceDir, run.dir]) expect(await filesWith(token, dir)).toEqual([]);
  // The search finds what is there.
  expect((await filesWith("Linux version", vm.evidenceDir)).length).toBeGreaterThan(0);
});

test("the keys of a machine are its user's alone while it runs, and gone with it", async () => {
  const vm = await bootVm();
  const seed = join(vm.machine.runPath, "seed.img");
  const { stat } = await import("node:fs/promises");
  expect((await stat(seed)).mode & 0o077).toBe(0);
  expect((await stat(vm.machine.runPath)).mode & 0o077).toBe(0);
  await vm[Symbol.asyncDispose]();
  await expect(stat(seed)).rejects.toThrow("ENOENT");
  const key = vm.machine.seed.clientKey.split("\n")[1] ?? "";
  expect(await filesWith(key, vm.evidenceDir)).toEqual([]);
});

/** A text as it stands, and as it goes by where it is packed, written in a URL, or sent to a registry. */
const spellings = (text: string): string[] => [
  text,
  Buffer.from(text).toString("base64").replace(/=+$/, ""),
  Buffer.from(text).toString("hex"),
];

/** Every file below a folder that has a text in it in any spelling, also within what is gzipped. */
async function filesThatTell(text: string, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const isGzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const texts = [bytes, ...(isGzipped ? [gunzipSync(bytes)] : [])];
    if (spellings(text).some((each) => texts.some((one) => one.includes(each)))) found.push(path);
  }
  return found;
}

test("tokens of this user's environment and home reach nothing that a run, its page, its reports and its pack say", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-secrets-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  const [home, logs, repros] = [join(dir, "home"), join(dir, "logs"), join(dir, "repros/planted")];
  const token = (): string => `planted-${randomBytes(12).toString("hex")}`;
  const tokens = { environment: token(), npm: token(), docker: token(), netrc: token(), ssh: token() };
  // What the guest says of itself is looked for in the same way: this has to be found.
  const marker = token();
  for (const folder of [join(home, ".docker"), join(home, ".ssh"), repros, logs])
    await mkdir(folder, { recursive: true });
  await writeFile(join(home, ".npmrc"), `//registry.example/:_authToken=${tokens.npm}\n`);
  const auth = Buffer.from(`user:${tokens.docker}`).toString("base64");
  await writeFile(
    join(home, ".docker/config.json"),
    JSON.stringify({ auths: { "registry.example": { auth } } }),
  );
  await writeFile(join(home, ".netrc"), `machine registry.example login user password ${tokens.netrc}\n`);
  await writeFile(join(home, ".ssh/id_ed25519"), tokens.ssh);
  await writeFile(
    join(repros, "repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    // Whatever looks like a token: in the environment of every process, and in every file that a host could have left.
    const look = "printenv; cat /proc/*/environ /proc/cmdline | tr '\\\\0' '\\\\n'; grep -rhoaE 'planted-[0-9a-f]+' /etc /root /home /srv /opt /run /tmp /var";
    export default defineRepro({
      id: "planted", title: "none", upstream: ["https://example.org"], deadline: "2m",
      axes: { kernel: [${JSON.stringify(kernel)}] }, cells: { bad: [{}], control: [{}] },
      machine: { cpus: 1, memory: "512MiB" },
      trial: async ({ vm, signal, evidence }) => {
        const { stdout } = await vm.guest.exec(["sh", "-c", look + "; echo $MARK"], {
          signal, allowFailure: true, env: { MARK: "${marker}" },
        });
        await evidence.saveText("environment.txt", stdout);
        return { stdout };
      },
      // Reproduced, for that has more evidence, and the text of a report.
      signature: ({ stdout }) => stdout.includes("PATH="), healthy: () => false,
      summary: ({ stdout }) => stdout.slice(-100),
    });`,
  );
  const { cacheDir } = readSettings();
  const dstate = async (...argv: string[]): Promise<{ exitCode: number | null; said: string }> => {
    const { DSTATE_CACHE: _cache, ...own } = process.env;
    const env = {
      ...own,
      ...{ HOME: home, XDG_CACHE_HOME: join(home, ".cache"), DSTATE_CACHE: cacheDir, DSTATE_LOGS: logs },
      ...{ NODE_AUTH_TOKEN: tokens.environment, GITHUB_TOKEN: tokens.environment },
    };
    return await new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [bin, "--verbose", ...argv],
        { cwd: dir, env, maxBuffer: 2 ** 28 },
        (_error, out, err) => resolve({ exitCode: child.exitCode, said: out + err }),
      );
    });
  };
  const reports = ["junit", "ctrf", "summary"].flatMap((name) => ["--report", `${name}=${join(logs, name)}`]);
  const said: string[] = [];
  for (const [argv, code] of [
    [["run", "planted", ...reports], 1],
    [["show", "last", "--out", join(logs, "page.html")], 0],
    [["show", "last", "--for", "github"], 0],
    [["pack", "last", "--out", join(logs, "planted.dstate")], 0],
  ] as const) {
    const ended = await dstate(...argv);
    expect(ended.exitCode, ended.said).toBe(code);
    said.push(ended.said);
  }
  await writeFile(join(logs, "said.txt"), said.join("\n"));
  for (const [place, planted] of Object.entries({ ...tokens, auth }))
    expect(await filesThatTell(planted, logs), place).toEqual([]);
  // The search finds what is there, in the evidence and in the packed file.
  const told = await filesThatTell(marker, logs);
  expect(told.filter((path) => path.endsWith("environment.txt"))).toHaveLength(1);
  expect(told).toContain(join(logs, "planted.dstate"));
});
