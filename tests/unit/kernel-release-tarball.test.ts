import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { Store } from "../../src/base/store.ts";
import { parseSums } from "../../src/kernel/kernel-org.ts";
import { fetchSource, releaseSources } from "../../src/kernel/release-tarball.ts";
import { fetchFile } from "../../src/supply/fetch-file.ts";

const tarball = Buffer.from("a kernel's source, as far as this test is concerned");
const sha256 = createHash("sha256").update(tarball).digest("hex");
const nowhere = "http://127.0.0.1:1";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
  await mkdir(join(dir, "vm"));
});

/** A server of fixed files that writes down what it was asked. */
async function serve(files: Record<string, Buffer | string>): Promise<{ root: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const body = files[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { root: typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "", asked };
}

async function contextWith(options: {
  pins?: unknown[];
  debian?: string;
  places?: string[];
}): Promise<Context> {
  await writeFile(join(dir, "vm", "kernels.json"), JSON.stringify(options.pins ?? []));
  const settings = {
    ...readSettings({}, dir),
    cacheDir: join(dir, "cache"),
    homeDir: dir,
    debianMirror: options.debian ?? nowhere,
    kernelPlaces: options.places ?? [],
  };
  return { settings, progress: silent, signal: new AbortController().signal };
}

const pin = { version: "6.1.115", sha256, provenance: "Recorded by a test." };
const inPool = "/pool/main/l/linux/linux_6.1.115.orig.tar.xz";

async function first(version: string, context: Context) {
  for await (const source of releaseSources(version, context)) return source;
  throw new Error("no source");
}

describe("the source of a release", () => {
  test("that is pinned comes from the archive's pool, once", async () => {
    const { root, asked } = await serve({ [inPool]: tarball });
    const context = await contextWith({ pins: [pin], debian: root });
    const source = await first("6.1.115", context);
    expect(source.provenance).toContain("Recorded by a test.");
    const path = await fetchSource(source, context);
    expect(await readFile(path)).toEqual(tarball);
    expect(await fetchSource(source, context)).toBe(path);
    expect(asked).toEqual([inPool]);
  });

  test("is refused and not kept when it is not what was pinned", async () => {
    const { root } = await serve({ [inPool]: "something else" });
    const context = await contextWith({ pins: [pin], debian: root });
    const source = await first("6.1.115", context);
    await expect(fetchSource(source, context)).rejects.toThrow("is not the file expected");
    expect(await new Store(join(dir, "cache", "downloads")).list()).toEqual([]);
  });

  test("that only Nix has a hash for is refused with what to do", async () => {
    const nixOnly = { ...pin, sha256: null, nixpkgs: { revision: "c".repeat(40) } };
    const context = await contextWith({ pins: [nixOnly] });
    await expect(first("6.1.115", context)).rejects.toThrow(UsageError);
    await expect(first("6.1.115", context)).rejects.toHaveProperty(
      "next",
      expect.stringContaining("dstate kernels pin 6.1.115"),
    );
  });

  test("may come from a place of kernel.org's layout, and says who vouches for it", async () => {
    const { root } = await serve({
      "/v6.x/sha256sums.asc": `${sha256}  linux-6.1.116.tar.xz\n`,
      "/v6.x/linux-6.1.116.tar.xz": tarball,
    });
    const context = await contextWith({ places: [nowhere, root] });
    const source = await first("6.1.116", context);
    expect(source.provenance).toContain("signature was not checked");
    expect(await readFile(await fetchSource(source, context))).toEqual(tarball);
  });

  test("that no place knows is the user's mistake, and releases near it are named", async () => {
    const { root } = await serve({ "/v6.x/sha256sums.asc": "" });
    const context = await contextWith({ pins: [pin], places: [root] });
    await expect(first("6.1.116", context)).rejects.toThrow(UsageError);
    await expect(first("6.1.116", context)).rejects.toHaveProperty(
      "next",
      expect.stringContaining("6.1.115"),
    );
  });

  test("that was offered is not called unknown when other places do not know it", async () => {
    const { root } = await serve({ "/v6.x/sha256sums.asc": "" });
    const context = await contextWith({ pins: [pin], places: [root] });
    expect(await Array.fromAsync(releaseSources("6.1.115", context))).toHaveLength(1);
  });

  test("cannot be said to exist or not while no place can be asked", async () => {
    const context = await contextWith({ pins: [pin], places: [nowhere] });
    await expect(first("6.1.116", context)).rejects.toThrow(InfraError);
    await expect(first("6.1.116", context)).rejects.toThrow("cannot be looked up");
  });
});

describe("a file of known content", () => {
  const name = "linux-image_1.deb";

  test("is taken from the first place that has it", async () => {
    const { root } = await serve({ "/b": tarball });
    const context = await contextWith({});
    const urls = async () => [`${nowhere}/a`, `${root}/a`, `${root}/b`];
    expect(await readFile(await fetchFile({ name, sha256, urls }, context))).toEqual(tarball);
  });

  test("that no place has names every place that was tried", async () => {
    const { root } = await serve({});
    const urls = async () => [`${nowhere}/a`, `${root}/b`];
    const failed = fetchFile({ name, sha256, urls }, await contextWith({}));
    await expect(failed).rejects.toThrow(/127\.0\.0\.1:1\/a cannot be reached.*\/b does not exist/);
  });
});

test("a list of sums is read line by line, and its signature is no part of it", () => {
  const text = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${sha256}  linux-6.1.tar.xz\n${sha256} *ChangeLog-6.1\n-----BEGIN PGP SIGNATURE-----\nabc\n`;
  expect(parseSums(text)).toEqual(
    new Map([
      ["linux-6.1.tar.xz", sha256],
      ["ChangeLog-6.1", sha256],
    ]),
  );
});
