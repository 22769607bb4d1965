import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings, type Settings } from "../../src/base/settings.ts";
import { contextOf, openVm } from "../../src/index.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { kernelStore } from "../../src/kernel/stored.ts";
import {
  makeApk,
  makeArch,
  makeDeb,
  makeRpm,
  makeRpmRepository,
  run,
  SigningKey,
  serve,
} from "../unit/package-repositories.ts";
import { kernel as built } from "./vm.ts";

/*
 * A kernel that was built here, packed as distributions pack theirs, and booted out of its package. `npm test` has the
 * rpm, out of a signed repository; `npm run test:packages` every format.
 */

let dir = "";
let root = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
  root = join(dir, "root");
  const kernel = await provideKernel(parseKernelSelector(built), contextOf({}));
  await mkdir(join(root, "boot"), { recursive: true });
  await copyFile(kernel.boot, join(root, `boot/vmlinuz-${built}`));
  await copyFile(kernel.config ?? "", join(root, `boot/config-${built}`));
  await mkdir(join(root, "lib/modules", built), { recursive: true });
  await writeFile(join(root, "lib/modules", built, "modules.builtin"), "");
});
afterAll(async () => await rm(dir, { recursive: true }));

/** Boot a kernel once, from nothing, and see what it says it is. */
async function expectToBoot(selector: string, settings: Settings): Promise<void> {
  const context = contextOf({ settings });
  const { id } = await provideKernel(parseKernelSelector(selector), context);
  try {
    await using vm = await openVm({ kernel: selector, settings, name: "test-vm", cold: true });
    expect((await vm.guest.exec(["uname", "-r"])).stdout.trim()).toBe(built);
  } finally {
    await kernelStore(context).remove(id);
  }
}

test("a kernel boots out of the rpm of a signed repository", async () => {
  const key = await SigningKey.make(join(dir, "gpg"));
  const site = join(dir, "site");
  await mkdir(site);
  await makeRpm(root, join(dir, "kernel.rpm"));
  await makeRpmRepository(site, join(dir, "kernel.rpm"), `${built}-1.fc42`, key);
  await using server = await serve(site);
  try {
    const env = { DSTATE_MIRRORS: `fedora=${server.url}`, DSTATE_KEYRINGS: `fedora=${key.file}` };
    await expectToBoot(`fedora:${built}-1.fc42`, readSettings({ ...process.env, ...env }));
  } finally {
    run(["gpgconf", "--homedir", key.home, "--kill", "all"]);
  }
});

test.runIf(process.env.DSTATE_TEST_PACKAGES === "all").each([
  ["apk", makeApk, "linux-lts.apk"],
  ["deb", makeDeb, "linux-image.deb"],
  ["arch", makeArch, "linux.pkg.tar.zst"],
] as const)("a kernel boots out of a file of the format %s", async (format, make, name) => {
  await make(root, join(dir, name));
  await expectToBoot(`${format}:${join(dir, name)}`, readSettings());
});
