import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings, type Settings } from "../../src/base/settings.ts";
import { pinKernel } from "../../src/kernel/pin.ts";
import { readPins } from "../../src/kernel/pins.ts";

const tarball = Buffer.from("the source of a release");
const sha256 = createHash("sha256").update(tarball).digest("hex");
const revision = "c".repeat(40);
const unhashed = { version: "6.6.58", sha256: null, provenance: "By date.", nixpkgs: { revision } };
const haveGpg = spawnSync("gpg", ["--version"]).status === 0;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-pin-"));
  onTestFinished(async () => {
    spawnSync("gpgconf", ["--homedir", join(dir, "gpg"), "--kill", "all"]);
    await rm(dir, { recursive: true, force: true });
  });
  await mkdir(join(dir, "vm/nixos"), { recursive: true });
  await writeFile(join(dir, "vm/nixos/carriers.json"), "{}");
  await mkdir(join(dir, "gpg"), { mode: 0o700 });
  vi.stubEnv("GNUPGHOME", join(dir, "gpg"));
  onTestFinished(() => void vi.unstubAllEnvs());
  await writeFile(join(dir, "vm", "kernels.json"), JSON.stringify([unhashed]));
});

/** A place of kernel.org's layout. */
async function serve(files: Record<string, Buffer | string>): Promise<string> {
  const server = createServer((request, response) => {
    const body = files[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
}

function contextWith(place: string, debian: Partial<Settings> = {}): Context {
  const settings = {
    ...readSettings({}, dir),
    cacheDir: join(dir, "cache"),
    homeDir: dir,
    kernelPlaces: [place],
    debianMirror: "http://127.0.0.1:1/debian",
    ...debian,
  };
  return { settings, progress: silent, signal: new AbortController().signal };
}

function gpg(argv: string[], input = ""): Buffer {
  const made = spawnSync("gpg", ["--batch", "--quiet", "--passphrase", "", ...argv], { input });
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return made.stdout;
}

/** A list of sums, signed by a key that the keyring has. */
function signedSums(text: string): string {
  gpg(["--quick-generate-key", "sums@example.test", "ed25519", "sign", "never"]);
  return gpg(["--clearsign"], text).toString();
}

/** A Debian archive that has one suite with one source, and the key that signs it. */
async function debianArchive(
  version: string,
): Promise<{ files: Record<string, Buffer | string>; keyring: string }> {
  const pack = (text: string): Buffer => spawnSync("xz", ["-c"], { input: text }).stdout;
  const indexes = {
    "main/binary-amd64/Packages.xz": pack(
      "Package: linux-image-7.2.1-amd64\nVersion: 7.2.1-1\nFilename: pool/x.deb\nSize: 1\nSHA256: 00\n\n",
    ),
    "main/source/Sources.xz": pack(
      `Package: linux\nVersion: ${version}-1\nDirectory: pool/main/l/linux\nChecksums-Sha256:\n ${sha256} ${tarball.length} linux_${version}.orig.tar.xz\n\n`,
    ),
  };
  const listed = Object.entries(indexes).map(
    ([path, body]) => ` ${createHash("sha256").update(body).digest("hex")} ${body.length} ${path}\n`,
  );
  const inRelease = signedSums(`Suite: unstable\nSHA256:\n${listed.join("")}`);
  const keyring = join(dir, "archive.gpg");
  await writeFile(keyring, gpg(["--export"]));
  const below = Object.entries(indexes).map(([path, body]) => [`/debian/dists/sid/${path}`, body] as const);
  const files = {
    "/debian/dists/sid/InRelease": inRelease,
    ...Object.fromEntries(below),
    [`/debian/pool/main/l/linux/linux_${version}.orig.tar.xz`]: tarball,
  };
  return { files, keyring };
}

const sums = `${sha256}  linux-6.6.58.tar.xz\n`;

describe.runIf(haveGpg)("pinning a release whose list of sums is signed", () => {
  test("records the sha256, the place and who vouches for it, and keeps the nixpkgs revision", async () => {
    const place = await serve({
      "/v6.x/sha256sums.asc": signedSums(sums),
      "/v6.x/linux-6.6.58.tar.xz": tarball,
    });
    const { pin, added } = await pinKernel("6.6.58", contextWith(place));
    expect(added).toBe(true);
    expect(await readPins(dir)).toEqual([pin]);
    expect(pin).toMatchObject({
      version: "6.6.58",
      sha256,
      url: `${place}/v6.x/linux-6.6.58.tar.xz`,
      // A place of the user's own may go away; kernel.org stays.
      elsewhere: "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.6.58.tar.xz",
      nixpkgs: { revision },
    });
    expect(pin.provenance).toContain("signed sha256sums.asc");
  });

  test("of a new version keeps the others, in the order of versions", async () => {
    const place = await serve({
      "/v6.x/sha256sums.asc": signedSums(`${sha256}  linux-6.1.116.tar.xz\n`),
      "/v6.x/linux-6.1.116.tar.xz": tarball,
    });
    await pinKernel("6.1.116", contextWith(place));
    expect((await readPins(dir)).map(({ version }) => version)).toEqual(["6.1.116", "6.6.58"]);
  });

  test("believes no line that the signature does not cover", async () => {
    const signed = signedSums(`${sha256}  linux-6.1.116.tar.xz\n`);
    const place = await serve({
      "/v6.x/sha256sums.asc": `${signed}\n${sums}`,
      "/v6.x/linux-6.6.58.tar.xz": tarball,
    });
    await expect(pinKernel("6.6.58", contextWith(place))).rejects.toThrow("no place that was asked has");
    expect(await readPins(dir)).toEqual([unhashed]);
  });

  test("records nothing when the tarball is another than the list says", async () => {
    const place = await serve({
      "/v6.x/sha256sums.asc": signedSums(sums),
      "/v6.x/linux-6.6.58.tar.xz": "another",
    });
    await expect(pinKernel("6.6.58", contextWith(place))).rejects.toThrow("is not the file expected");
    expect(await readPins(dir)).toEqual([unhashed]);
  });
});

describe.runIf(haveGpg)("pinning a release that kernel.org cannot be asked for", () => {
  test("records what the Debian archive's signed index says, and where the source is when the pool has dropped it", async () => {
    const { files, keyring } = await debianArchive("6.1.148");
    const debian = { debianMirror: `${await serve(files)}/debian`, debianKeyring: keyring };
    const { pin } = await pinKernel("6.1.148", contextWith("http://127.0.0.1:1", debian));
    expect(pin).toMatchObject({ version: "6.1.148", sha256 });
    // Nix has its own list of mirrors of the pool.
    expect(pin.url).toBeUndefined();
    expect(pin.elsewhere).toMatch(
      /^https:\/\/snapshot\.debian\.org\/archive\/debian\/\d{8}T\d{6}Z\/pool\/main\/l\/linux\/linux_6\.1\.148\.orig\.tar\.xz$/,
    );
    expect(pin.provenance).toContain("signed index of sid");
  });

  test("believes no archive that another key signed", async () => {
    const { files } = await debianArchive("6.1.148");
    const mirror = `${await serve(files)}/debian`;
    await writeFile(join(dir, "other.gpg"), "");
    const debian = { debianMirror: mirror, debianKeyring: join(dir, "other.gpg") };
    const pinning = pinKernel("6.1.148", contextWith("http://127.0.0.1:1", debian));
    await expect(pinning).rejects.toThrow("carries no good signature");
    expect(await readPins(dir)).toEqual([unhashed]);
  });
});

describe("the nixpkgs that carries a release", () => {
  const pinned = { version: "6.6.58", sha256: "a".repeat(64), provenance: "by hand" };
  const nowhere = "http://127.0.0.1:1";
  beforeEach(async () => {
    await writeFile(join(dir, "vm/kernels.json"), JSON.stringify([pinned]));
    const carriers = { "6.6.58": { revision, narHash: "sha256-x" } };
    await writeFile(join(dir, "vm/nixos/carriers.json"), JSON.stringify(carriers));
  });

  test("is recorded when it is known, without asking anybody", async () => {
    const { pin, added } = await pinKernel("6.6.58", contextWith(nowhere));
    expect([added, pin.nixpkgs]).toEqual([true, { revision, narHash: "sha256-x" }]);
    expect(pin).toMatchObject(pinned);
    expect(await pinKernel("6.6.58", contextWith(nowhere))).toEqual({ pin, added: false });
  });

  test("is the one that is asked for, if one is", async () => {
    const nixpkgs = "d".repeat(40);
    const { pin } = await pinKernel("6.6.58", contextWith(nowhere), { nixpkgs });
    expect(pin.nixpkgs).toEqual({ revision: nixpkgs });
    expect(await readPins(dir)).toEqual([pin]);
    const again = await pinKernel("6.6.58", contextWith(nowhere));
    expect(again).toEqual({ pin, added: false });
  });

  test.each(["main", "nixos-25.11", "d".repeat(39)])("is a commit, and not %j", async (nixpkgs) => {
    await expect(pinKernel("6.6.58", contextWith(nowhere), { nixpkgs })).rejects.toThrow(
      "not a commit of nixpkgs",
    );
  });
});

test("a list of sums that nobody's key vouches for is refused, with the command that gets the key", async () => {
  const place = await serve({ "/v6.x/sha256sums.asc": sums, "/v6.x/linux-6.6.58.tar.xz": tarball });
  const pinning = pinKernel("6.6.58", contextWith(place));
  await expect(pinning).rejects.toThrow(InfraError);
  await expect(pinning).rejects.toHaveProperty("next", expect.stringContaining("gpg --locate-keys"));
  expect(await readPins(dir)).toEqual([unhashed]);
});

test("without a network nothing is recorded, and the message says where to run it", async () => {
  const pinning = pinKernel("6.6.58", contextWith("http://127.0.0.1:1"));
  await expect(pinning).rejects.toThrow(InfraError);
  await expect(pinning).rejects.toHaveProperty("next", expect.stringContaining("reaches kernel.org"));
  expect(await readPins(dir)).toEqual([unhashed]);
});

test("a release that is pinned by its content stays as it is, and nobody is asked", async () => {
  const pin = { version: "6.1.115", sha256: "a".repeat(64), provenance: "by hand" };
  await writeFile(join(dir, "vm", "kernels.json"), JSON.stringify([pin]));
  expect(await pinKernel("6.1.115", contextWith("http://127.0.0.1:1"))).toEqual({ pin, added: false });
});

test.each(["6", "6.6.58; rm -rf /", "deb:6.1", "../6.1.1"])("%j is no release to pin", async (version) => {
  await expect(pinKernel(version, contextWith("http://127.0.0.1:1"))).rejects.toThrow(UsageError);
});

test.each(["project/node_modules/dstate", "node_modules/.pnpm/dstate@1/node_modules/dstate"])(
  "an installed dstate in %s refuses before it asks anybody, and is left as it is",
  async (place) => {
    const homeDir = join(dir, place);
    await mkdir(join(homeDir, "vm/nixos"), { recursive: true });
    await writeFile(join(homeDir, "vm/nixos/carriers.json"), "{}");
    const pinned = { version: "6.1.115", sha256: "a".repeat(64), provenance: "by hand" };
    await writeFile(join(homeDir, "vm/kernels.json"), JSON.stringify([pinned]));
    // What is pinned there already is no reason to refuse.
    const here = contextWith("http://127.0.0.1:1", { homeDir });
    expect(await pinKernel("6.1.115", here)).toEqual({ pin: pinned, added: false });
    const pinning = pinKernel("6.6.58", here);
    await expect(pinning).rejects.toThrow(UsageError);
    await expect(pinning).rejects.toHaveProperty("next", expect.stringContaining("in a checkout of dstate"));
    expect(await readPins(homeDir)).toEqual([pinned]);
  },
);
