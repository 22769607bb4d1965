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
import { readSettings } from "../../src/base/settings.ts";
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
  await mkdir(join(dir, "vm"));
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

function contextWith(place: string): Context {
  const settings = {
    ...readSettings({}, dir),
    cacheDir: join(dir, "cache"),
    homeDir: dir,
    kernelPlaces: [place],
  };
  return { settings, progress: silent, signal: new AbortController().signal };
}

/** A list of sums, signed by a key that the keyring has. */
function signedSums(text: string): string {
  const gpg = (argv: string[], input = ""): string => {
    const made = spawnSync("gpg", ["--batch", "--quiet", "--passphrase", "", ...argv], { input });
    if (made.status !== 0) throw new Error(made.stderr.toString());
    return made.stdout.toString();
  };
  gpg(["--quick-generate-key", "sums@example.test", "ed25519", "sign", "never"]);
  return gpg(["--clearsign"], text);
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
