import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import type { Context } from "../../src/index.ts";
import { chooseKernel, kernelsAmong } from "../../src/kernel/distributions/kernels.ts";
import { distribution } from "../../src/kernel/distributions/table.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { formatKernelSelector, isFixedSelector, parseKernelSelector } from "../../src/kernel/selector.ts";
import { distributionKernels } from "../../src/kernel/sources/distribution.ts";
import { gzipMembers } from "../../src/supply/gzip-members.ts";
import type { IndexedPackage } from "../../src/supply/package-index.ts";
import { dearmored } from "../../src/supply/signature.ts";
import {
  apkKey,
  makeApk,
  makeApkRepository,
  makeAptArchive,
  makeArch,
  makeArchRepository,
  makeDeb,
  makeRpm,
  makeRpmRepository,
  run,
  SigningKey,
  serve,
  type Wrong,
  writeFiles,
} from "./package-repositories.ts";

const { signal } = new AbortController();
const release = "6.8.0-51-test";

let keys = "";
let key: SigningKey;
beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), "dstate-keys-"));
  key = await SigningKey.make(join(keys, "gpg"));
  await mkdir(join(keys, "apk"));
  await writeFile(join(keys, "apk", apkKey.name), apkKey.publicKey);
});
afterAll(async () => {
  run(["gpgconf", "--homedir", key.home, "--kill", "all"]);
  await rm(keys, { recursive: true });
});

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
});

function contextOf(env: Readonly<Record<string, string>> = {}): Context {
  const own = { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs"), PATH: process.env.PATH };
  return { settings: readSettings({ ...own, ...env }, dir), progress: silent, signal };
}

/** The files of a kernel's package, as a distribution lays them out. */
async function kernelFiles(layout: "boot" | "usr" | "plain"): Promise<string> {
  const root = join(dir, "root");
  const files = {
    boot: {
      [`boot/vmlinuz-${release}`]: "the kernel\n",
      [`boot/config-${release}`]: "CONFIG_A=y\n",
      [`lib/modules/${release}/modules.builtin`]: "kernel/virtio.ko\n",
    },
    usr: {
      [`usr/lib/modules/${release}/vmlinuz`]: "the kernel\n",
      [`usr/lib/modules/${release}/modules.builtin`]: "",
    },
    plain: { [`boot/vmlinuz-${release}`]: "the kernel\n", "etc/not-asked-for": "x" },
  }[layout];
  await writeFiles(root, files);
  return root;
}

async function expectKernel({ boot, version, initrd }: Kernel): Promise<void> {
  expect(await readFile(boot, "utf8")).toBe("the kernel\n");
  expect(version).toBe(release);
  expect((await readFile(initrd ?? "")).includes("bin/busybox")).toBe(true);
}

/** What the cache has of kernels: nothing may be left of one that could not be made. */
async function unpacked(): Promise<string[]> {
  const names = await readdir(join(dir, "cache/kernels")).catch(() => []);
  return names.filter((name) => !name.startsWith("."));
}

const makers = {
  rpm: { make: makeRpm, file: "kernel.rpm" },
  apk: { make: makeApk, file: "linux-lts.apk" },
  deb: { make: makeDeb, file: "linux-image.deb" },
  arch: { make: makeArch, file: "linux.pkg.tar.zst" },
} as const;
type Format = keyof typeof makers;
const formats = Object.keys(makers) as Format[];

describe.each(formats)("a package of the format %s", (format) => {
  const { make, file } = makers[format];
  const provide = async (): Promise<Kernel> =>
    await provideKernel(parseKernelSelector(`${format}:${join(dir, file)}`), contextOf());

  test.each(["boot", "usr", "plain"] as const)("is a kernel, laid out as %s", async (layout) => {
    await make(await kernelFiles(layout), join(dir, file));
    const kernel = await provide();
    await expectKernel(kernel);
    expect(kernel.config !== undefined).toBe(layout === "boot");
    expect(await provide()).toEqual(kernel);
  });

  test("that is cut short is refused, and leaves nothing behind", async () => {
    const root = await kernelFiles("boot");
    await writeFile(
      join(root, "boot/System.map"),
      Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251)),
    );
    await make(root, join(dir, file));
    const whole = await readFile(join(dir, file));
    await writeFile(join(dir, file), whole.subarray(0, Math.floor(whole.length * 0.8)));
    const provided = provide();
    await expect(provided).rejects.toThrow(InfraError);
    await expect(provided).rejects.toThrow(/cannot be unpacked|is no Debian package/);
    expect(await unpacked()).toEqual([]);
  });

  test("with a path that leaves its folder is refused, and leaves nothing behind", async () => {
    const root = await kernelFiles("boot");
    await writeFiles(join(dir, "evil"), { escaped: "x" });
    await make(root, join(dir, file), join(dir, "evil"));
    await expect(provide()).rejects.toThrow("has a path that leads out of its folder (../../../escaped");
    expect(await unpacked()).toEqual([]);
    await expect(readFile(join(dir, "../escaped"))).rejects.toThrow();
  });

  test("whose image is a link to a file of this machine is refused", async () => {
    const root = await kernelFiles("plain");
    await rm(join(root, `boot/vmlinuz-${release}`));
    await symlink("/etc/hostname", join(root, `boot/vmlinuz-${release}`));
    await make(root, join(dir, file));
    await expect(provide()).rejects.toThrow("is no file of its own");
    expect(await unpacked()).toEqual([]);
  });

  test("that is none is refused", async () => {
    await writeFile(join(dir, file), "nothing of the kind\n");
    await expect(provide()).rejects.toThrow(/cannot be unpacked|has neither modules nor an image/);
  });

  test("that is not there is the user's mistake", async () => {
    await expect(provide()).rejects.toThrow(UsageError);
  });
});

interface Place {
  readonly selector: string;
  readonly env: (url: string) => Readonly<Record<string, string>>;
  readonly make: (site: string, wrong?: Wrong) => Promise<void>;
}

const gpgEnv = (name: string, url: string): Record<string, string> => ({
  DSTATE_MIRRORS: `${name}=${url}`,
  DSTATE_KEYRINGS: `${name}=${key.file}`,
});
const places: Readonly<Record<string, Place>> = {
  fedora: {
    selector: "fedora:6.8.0-51.fc42",
    env: (url) => gpgEnv("fedora", url),
    make: async (site, wrong) => {
      await makeRpm(await kernelFiles("boot"), join(dir, "k.rpm"));
      await makeRpmRepository(site, join(dir, "k.rpm"), "6.8.0-51.fc42", key, wrong);
    },
  },
  alpine: {
    selector: "alpine:6.8.0-r51",
    env: (url) => ({ DSTATE_MIRRORS: `alpine=${url}`, DSTATE_KEYRINGS: `alpine=${join(keys, "apk")}` }),
    make: async (site, wrong) => {
      const sum = await makeApk(await kernelFiles("boot"), join(dir, "k.apk"));
      await makeApkRepository(site, join(dir, "k.apk"), "6.8.0-r51", sum, wrong);
    },
  },
  arch: {
    selector: "arch:6.8.0.arch1-1",
    env: (url) => gpgEnv("arch", url),
    make: async (site, wrong) => {
      await makeArch(await kernelFiles("usr"), join(dir, "k.pkg.tar.zst"));
      await makeArchRepository(site, join(dir, "k.pkg.tar.zst"), "6.8.0.arch1-1", key, wrong);
    },
  },
  ubuntu: {
    selector: "ubuntu:6.8.0-51",
    env: (url) => {
      const binary = join(keys, "key.gpg");
      return { ...gpgEnv("ubuntu", url), DSTATE_KEYRINGS: `ubuntu=${binary}` };
    },
    make: async (site, wrong) => {
      await writeFile(join(keys, "key.gpg"), dearmored(await readFile(key.file)));
      await makeDeb(await kernelFiles("boot"), join(dir, "k.deb"));
      await makeAptArchive(site, join(dir, "k.deb"), "6.8.0-51", key, wrong);
    },
  },
};

describe.each(Object.entries(places))("the kernel of a repository of %s", (name, place) => {
  const provide = async (wrong?: Wrong): Promise<Kernel> => {
    const site = join(dir, "site");
    await mkdir(site);
    await place.make(site, wrong);
    await using server = await serve(site);
    return await provideKernel(parseKernelSelector(place.selector), contextOf(place.env(server.url)));
  };

  test("is fetched and unpacked, and needs no network after that", async () => {
    const kernel = await provide();
    await expectKernel(kernel);
    expect(kernel.provenance).toContain("were checked");
    const env = place.env("http://127.0.0.1:9");
    expect((await provideKernel(parseKernelSelector(place.selector), contextOf(env))).id).toBe(kernel.id);
  });

  test.each([
    "bad",
    ...(name === "alpine" ? [] : ["expired"]),
    ...(name === "ubuntu" ? [] : ["missing"]),
  ] as const)("whose signature is %s is refused, and leaves nothing behind", async (signature) => {
    const provided = provide({ signature: signature as "bad" | "expired" | "missing" });
    await expect(provided).rejects.toThrow(InfraError);
    await expect(provided).rejects.toThrow(/kernels cannot be had from http:\/\/127\.0\.0\.1:\d+: /);
    await expect(provided).rejects.toThrow(
      {
        bad: /signature.* is bad|no good signature/,
        expired: /has expired|no good signature/,
        missing: /is not signed|\.sig is missing/,
      }[signature as "bad"],
    );
    expect(await unpacked()).toEqual([]);
  });

  test("that does not exist is the user's mistake, with those near it", async () => {
    const site = join(dir, "site");
    await mkdir(site);
    await place.make(site);
    await using server = await serve(site);
    const wanted = parseKernelSelector(`${name}:6.8.99-1`);
    const provided = provideKernel(wanted, contextOf(place.env(server.url)));
    await expect(provided).rejects.toThrow(UsageError);
    await expect(provided).rejects.toMatchObject({
      next: expect.stringContaining(place.selector.slice(0, 12)),
    });
  });

  test("of a place that cannot be reached is a failure of ours that says what can be set", async () => {
    await writeFile(join(keys, "key.gpg"), dearmored(await readFile(key.file)));
    const env = place.env("http://127.0.0.1:9");
    const provided = provideKernel(parseKernelSelector(place.selector), contextOf(env));
    await expect(provided).rejects.toThrow(InfraError);
    await expect(provided).rejects.toThrow(
      /kernels cannot be had from http:\/\/127\.0\.0\.1:9: .*cannot be reached/,
    );
    await expect(provided).rejects.toMatchObject({
      next: expect.stringContaining(`DSTATE_MIRRORS="${name}=URL"`),
    });
  });

  test("without keys to check it is not asked for", async () => {
    const env = {
      DSTATE_MIRRORS: `${name}=http://127.0.0.1:9`,
      DSTATE_KEYRINGS: `${name}=${join(dir, "none")}`,
    };
    const provided = provideKernel(parseKernelSelector(place.selector), contextOf(env));
    await expect(provided).rejects.toThrow(`keys are not on this machine (looked for ${join(dir, "none")})`);
  });
});

test("an apt archive whose index is past its time is refused, and one that is in time is taken", async () => {
  const until = async (days: number): Promise<Kernel> => {
    await rm(join(dir, "site"), { recursive: true, force: true });
    await rm(join(dir, "k.deb.work"), { recursive: true, force: true });
    await mkdir(join(dir, "site"));
    await places.ubuntu?.make(join(dir, "site"), { validUntil: new Date(Date.now() + days * 86_400_000) });
    await using server = await serve(join(dir, "site"));
    return await provideKernel(
      parseKernelSelector("ubuntu:6.8.0-51"),
      contextOf(places.ubuntu?.env(server.url)),
    );
  };
  await expect(until(-1)).rejects.toThrow(/InRelease was valid until .* only/);
  await expectKernel(await until(1));
});

describe("a kernel that Debian's archive has dropped", () => {
  const time = "20241015T000000Z";
  const snapshot = async (env: Readonly<Record<string, string>> = {}): Promise<Kernel> => {
    const site = join(dir, "site");
    await mkdir(join(site, "debian", time), { recursive: true });
    const binary = join(keys, "key.gpg");
    await writeFile(binary, dearmored(await readFile(key.file)));
    await makeDeb(await kernelFiles("boot"), join(dir, "k.deb"));
    const named = { suite: "bookworm", image: "linux-image-6.8.0-51-test-amd64" };
    // As all that it has, its index is past its time.
    const wrong = { validUntil: new Date("2024-10-22") };
    await makeAptArchive(join(site, "debian", time), join(dir, "k.deb"), "6.8.0-51", key, wrong, named);
    await using server = await serve(site);
    const place = { DSTATE_MIRRORS: `debian-snapshot=${server.url}`, DSTATE_DEBIAN_KEYRING: binary };
    const selector = parseKernelSelector("deb:6.8.0-51.99@20241015");
    return await provideKernel(selector, contextOf({ ...place, ...env }));
  };

  test("is had from the snapshot archive of a day on which it was there", async () => {
    const kernel = await snapshot();
    await expectKernel(kernel);
    expect(kernel.selector).toBe("deb:6.8.0-51.99@20241015");
  });

  test("is not had from a place that cannot be reached, and what can be done is said", async () => {
    const provided = snapshot({ DSTATE_MIRRORS: "debian-snapshot=http://127.0.0.1:9" });
    await expect(provided).rejects.toThrow(
      "Debian's archive of 20241015 cannot be had: http://127.0.0.1:9/debian",
    );
    await expect(provided).rejects.toMatchObject({ next: expect.stringContaining("debian-snapshot=URL") });
  });
});

test("a package that is not what the signed index says is refused", async () => {
  const site = join(dir, "site");
  await mkdir(site);
  await places.alpine?.make(site);
  await makeApk(join(dir, "root"), join(dir, "other.apk"));
  const [folder = ""] = (await readdir(join(site, "v3.20/main"))).map((name) =>
    join(site, "v3.20/main", name),
  );
  const served = join(folder, "linux-lts-6.8.0-r51.apk");
  const bytes = await readFile(served);
  // Another byte than is there, whatever that is.
  const other = Buffer.from([(bytes.at(-9) ?? 0) ^ 0xff]);
  await writeFile(served, Buffer.concat([bytes.subarray(0, -9), other, bytes.subarray(-8)]));
  await using server = await serve(site);
  const provided = provideKernel(
    parseKernelSelector("alpine:6.8.0-r51"),
    contextOf(places.alpine?.env(server.url)),
  );
  await expect(provided).rejects.toThrow("linux-lts-6.8.0-r51.apk is not the file expected");
});

test("the kernels of a distribution are listed as they can be asked for", async () => {
  const site = join(dir, "site");
  await mkdir(site);
  await places.ubuntu?.make(site);
  await using server = await serve(site);
  expect(await distributionKernels("ubuntu", contextOf(places.ubuntu?.env(server.url)))).toEqual([
    { selector: "ubuntu:6.8.0-51", version: "6.8.0", source: "the signed index of Ubuntu" },
  ]);
});

describe("of a distribution's kernels", () => {
  const check = { type: "sha256", sha256: "00" } as const;
  const packageOf = (name: string, version: string): IndexedPackage => ({
    name,
    version,
    url: `http://x/${name}`,
    check,
  });
  const builds = ["6.8.0-31-generic", "6.8.0-51-generic", "6.8.0-1026-aws", "6.8.0-1027-aws"];
  const ubuntu = kernelsAmong(
    builds.flatMap((build) => {
      const version = `${build.replace(/-\D+$/, "")}.7`;
      return [packageOf(`linux-image-${build}`, version), packageOf(`linux-modules-${build}`, version)];
    }),
    distribution("ubuntu"),
  );
  const flavours = distribution("ubuntu").flavours.map(({ name }) => name);

  test.each([
    ["6.8.0-31", "6.8.0-31.7", "generic"],
    ["6.8.0-31-generic", "6.8.0-31.7", "generic"],
    ["6.8.0-31.7", "6.8.0-31.7", "generic"],
    ["6.8.0", "6.8.0-51.7", "generic"],
    ["6.8", "6.8.0-51.7", "generic"],
    ["6.8.0-1026-aws", "6.8.0-1026.7", "aws"],
    ["6.8.0/aws", "6.8.0-1027.7", "aws"],
    ["6.8.0-3", undefined, undefined],
    ["6.8.0/azure", undefined, undefined],
  ])("%s is %s, %s", (wanted, version, flavour) => {
    const found = chooseKernel(wanted, ubuntu, flavours);
    expect([found?.version, found?.flavour]).toEqual([version, flavour]);
    if (found) expect(found.parts).toHaveLength(2);
  });
});

describe("a selector of a distribution or of packages", () => {
  test.each([
    ["ubuntu:6.8.0-1026-aws", true],
    ["fedora:6.12.9-200.fc42", true],
    ["alpine:6.6.58/virt", false],
    ["rpm:./kernel-core.rpm", false],
    ["rpm:./kernel-core.rpm,/x/kernel-modules-core.rpm", false],
    ["deb:./linux-image.deb", false],
    ["arch:./linux-6.11.arch1-1.pkg.tar.zst", false],
  ])("%s is read and written back unchanged; it is the same for ever: %s", (text, fixed) => {
    expect(formatKernelSelector(parseKernelSelector(text))).toBe(text);
    expect(isFixedSelector(text)).toBe(fixed);
  });

  test.each([
    "gentoo:6.1",
    "ubuntu:",
    "ubuntu:noble",
    "rpm:kernel-core",
    "rpm:./kernel.deb",
    "fedora:6.1/../x",
  ])("%s is none", (text) => {
    expect(() => parseKernelSelector(text)).toThrow(UsageError);
  });
});

test("gzip files in a row are told apart, and one that is cut short is noticed", () => {
  const packed = Buffer.concat([
    run(["gzip", "-c"], { input: Buffer.from("one") }),
    run(["gzip", "-c"], { input: Buffer.from("two") }),
  ]);
  const { members, rest } = gzipMembers(packed, 1);
  expect(members.map(({ data }) => data.toString())).toEqual(["one"]);
  expect(gzipMembers(rest, 1).members[0]?.data.toString()).toBe("two");
  expect(() => gzipMembers(rest.subarray(0, -3), 1)).toThrow("cut short");
  expect(() => gzipMembers(Buffer.from("no gzip file at all"), 1)).toThrow("no gzip file");
});
