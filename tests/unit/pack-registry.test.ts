import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { DstateError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { parseRegistryReference } from "../../src/base/registry-address.ts";
import { readSettings } from "../../src/base/settings.ts";
import { pullPack } from "../../src/pack/in-registry.ts";
import { documentIn } from "./documents.ts";
import { type Meddler, meddleWith, type RunningRegistry, startRegistry } from "./registry.ts";

const flagship = fileURLToPath(new URL("fixtures/runs/flagship", import.meta.url));
const repro = fileURLToPath(new URL("../repros/io-uring-dstate", import.meta.url));
const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const key = fileURLToPath(new URL("fixtures/minisign/", import.meta.url));
let dir = "";
let registry: RunningRegistry;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-packs-"));
  registry = await startRegistry(join(dir, "registry"));
  await cp(flagship, join(dir, "run"), { recursive: true });
  await rm(join(dir, "run/repro"), { recursive: true });
  await cp(repro, join(dir, "run/repro"), { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function dstate(
  who: string,
  address: string,
  ...argv: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = {
    ...process.env,
    DSTATE_CACHE: join(dir, who, "cache"),
    DSTATE_LOGS: join(dir, who, "logs"),
    DSTATE_CACHE_REGISTRY: address,
  };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { env, cwd: dir }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** A pack that somebody gave to the registry. */
let pack: Awaited<ReturnType<typeof given>>;
beforeAll(async () => {
  pack = await given();
});
async function given(...more: string[]) {
  const argv = ["pack", join(dir, "run"), "--push", "--out", join(dir, "x.dstate"), "--json", ...more];
  const { code, stdout, stderr } = await dstate("one", registry.address, ...argv);
  expect(code, stderr).toBe(0);
  const { id, registry: there } = documentIn("pack", stdout);
  if (!there) throw new Error("it is not there");
  return { id, ...there };
}

/** What `dstate rerun` of it comes to before anything of the pack is read, without a process of its own. */
async function fetched(reference: string): Promise<string> {
  const settings = readSettings({ ...process.env, DSTATE_CACHE: join(dir, "three/cache") });
  const context = { settings, progress: silent, signal: new AbortController().signal };
  return await pullPack(parseRegistryReference(reference), context).then(
    () => "fetched",
    (error: unknown) =>
      error instanceof DstateError ? `${error.exitCode} ${error.message}` : `not ours: ${String(error)}`,
  );
}

/** Whether a pack was read and found good: it goes on to ask for a kernel, which here is one that is none. */
const wentOn = /"no-such" is not a kernel|no-such/;
const rerun = async (who: string, reference: string, ...more: string[]) =>
  await dstate(who, "", "rerun", reference, "--kernel", "file:/no-such", ...more);

describe("a pack in a registry", () => {
  test("is fetched by its name and by its content, and is the one that was given", async () => {
    expect(pack.reference).toBe(`${registry.address}:pack.io-uring-dstate-${pack.id.slice(0, 12)}`);
    expect(pack.pinned).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(await given()).toMatchObject({ pinned: pack.pinned, known: true });
    for (const reference of [pack.reference, pack.pinned]) {
      const { stderr, code } = await rerun("two", reference);
      expect(stderr).toMatch(wentOn);
      expect(stderr).not.toContain("registry");
      expect(code).toBe(2);
    }
  });

  test("brings its signature along, and is refused where nobody trusted has signed it", async () => {
    const trusted = join(key, "key.pub");
    const signed = await given("--sign", join(key, "key.sec"));
    const good = await rerun("two", signed.reference, "--trust", trusted);
    expect(good.stderr).toContain("signature good");
    const unsigned = pack;
    expect(unsigned.reference).not.toBe(signed.reference);
    const bad = await rerun("two", unsigned.reference, "--trust", trusted);
    expect(bad.stderr).toContain("is not signed");
    expect(bad.code).toBe(2);
  });

  const isBlob = (url = ""): boolean => url.includes("/blobs/sha256:");
  const original = async (url: string): Promise<Buffer> => {
    const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
    return Buffer.from(
      await (await fetch(`http://127.0.0.1:${registry.port}${url}`, { headers })).arrayBuffer(),
    );
  };
  const onGet =
    (isMeant: (url: string, bytes: Buffer) => boolean, change: (bytes: Buffer) => Buffer): Meddler =>
    async ({ url = "", method }, response) => {
      if (method !== "GET" || !/\/(?:blobs|manifests)\//.test(url)) return false;
      const bytes = await original(url);
      if (!isMeant(url, bytes)) return false;
      response.writeHead(200).end(change(bytes));
      return true;
    };
  const isLayer = (url: string, bytes: Buffer): boolean => isBlob(url) && bytes[0] !== "{".charCodeAt(0);
  const isAbout = (url: string, bytes: Buffer): boolean => isBlob(url) && bytes[0] === "{".charCodeAt(0);
  const isManifest = (url: string): boolean => url.includes("/manifests/");
  const flip = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    return copy;
  };
  const inText =
    (from: string, to: string) =>
    (bytes: Buffer): Buffer =>
      Buffer.from(bytes.toString().replace(from, to));

  test.each<[string, Meddler, RegExp]>([
    ["a changed blob", onGet(isLayer, flip), /was changed: its sha256 is/],
    ["a truncated blob", onGet(isLayer, (bytes) => bytes.subarray(0, -9)), /broke off after/],
    ["a changed manifest of ours", onGet(isAbout, inText("pack.dstate", "pack.dstbte")), /did not say/],
    [
      "a manifest of another version",
      onGet(isManifest, inText("entry.v1", "entry.v2")),
      /of another version of dstate/,
    ],
    ["no manifest", onGet(isManifest, () => Buffer.from("<html>")), /a manifest that is none/],
    [
      "an error",
      async (_request, response) => {
        response.writeHead(500).end("disk full");
        return true;
      },
      /status 500: disk full/,
    ],
  ])(
    "that a registry serves with %s is refused, with a sentence and exit code 70",
    async (_name, meddler, sentence) => {
      await using between = await meddleWith(registry, meddler);
      const reference = pack.reference.replace(registry.address, between.address);
      const said = await fetched(reference);
      expect(said).toMatch(sentence);
      expect(said).toMatch(/^70 /);
      // Nothing of it stays.
      const left = await readdir(join(dir, "three/cache/registry-packs"));
      expect(left.filter((name) => !name.startsWith("."))).toEqual([]);
    },
  );

  test("that was asked for by content is no other one, whatever the registry says", async () => {
    const other = await given("--sign", join(key, "key.sec"));
    const [wanted, found] = [pack.pinned, other.pinned].map((text) => text.split("@")[1] ?? "");
    await using between = await meddleWith(registry, async (request) => {
      request.url = (request.url ?? "").replace(wanted ?? "", found ?? "");
      return false;
    });
    const { code, stderr } = await rerun("three", `${between.address}@${wanted}`);
    expect(stderr).toContain(`has another manifest than was asked for: its digest is ${found}`);
    expect(stderr).not.toMatch(wentOn);
    expect(code).toBe(70);
  });

  test.each(["manifests", "blobs"])("whose %s are said to be elsewhere: nobody goes there", async (what) => {
    let visits = 0;
    const elsewhere = createServer((_request, response) => {
      visits += 1;
      response.end();
    }).listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    onTestFinished(() => void elsewhere.close());
    const { port } = elsewhere.address() as AddressInfo;
    await using between = await meddleWith(registry, async ({ url = "" }, response) => {
      if (!url.includes(`/${what}/`)) return false;
      response.writeHead(307, { location: `http://127.0.0.1:${port}${url}` }).end();
      return true;
    });
    const said = await fetched(pack.reference.replace(registry.address, between.address));
    expect(said).toMatch(/^70 .*which is not followed/);
    expect(visits).toBe(0);
  });

  test("that is not there is said, and so is a registry that takes none", async () => {
    expect(await fetched(`${registry.address}:pack.none`)).toMatch(/^70 .*has no pack\.none/);
    await using empty = await startRegistry(join(dir, "empty"));
    await using full = await meddleWith(empty, async ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(507).end();
      return true;
    });
    const argv = ["pack", join(dir, "run"), "--push", "--out", join(dir, "x.dstate")];
    const refused = await dstate("one", full.address, ...argv);
    expect(refused.stderr).toContain("status 507");
    expect(refused.code).toBe(70);
  });
});

describe("what names a pack", () => {
  test.each([
    ["oci://ghcr.io/me/cache:pack.a-1", "pack.a-1", undefined],
    ["oci://127.0.0.1:5000/cache:x", "x", undefined],
    [`oci://h:1/a/b@sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`],
  ])("is read: %s", (text, name, digest) => {
    expect(parseRegistryReference(text)).toMatchObject({ name, digest });
  });

  test.each([
    "oci://ghcr.io/me/cache",
    "oci://h:5000/a",
    "oci://h/a@sha256:12",
    "oci://h/a:b:c",
    "oci://h/a:",
  ])("is none: %s", (text) => {
    expect(() => parseRegistryReference(text)).toThrow(/names nothing in a registry|is no registry/);
  });
});
