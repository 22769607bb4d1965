import { once } from "node:events";
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parseRegistryAddress } from "../../src/base/registry-address.ts";
import { readSettings } from "../../src/base/settings.ts";
import type { StoreEntry } from "../../src/base/store.ts";
import { takeParts } from "../../src/lab/take.ts";
import { provideWorkload } from "../../src/lab/workload.ts";
import { parseChallenge, realmOf } from "../../src/supply/registry/challenge.ts";
import { credentialsFor } from "../../src/supply/registry/credentials.ts";
import { sharedStore } from "../../src/supply/registry/other-place.ts";
import { type Meddler, meddleWith, type RunningRegistry, startRegistry } from "./registry.ts";

const { signal } = new AbortController();
let home = "";
let registry: RunningRegistry;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "dstate-registry-"));
  registry = await startRegistry(join(home, "registry"));
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

let dir = "";
let notes: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(home, "test-"));
  notes = [];
});

/** The cache of somebody. */
function cacheOf(who: string, address: string, env: Readonly<Record<string, string>> = {}) {
  const settings = readSettings({
    ...process.env,
    DSTATE_CACHE: join(dir, who),
    DSTATE_CACHE_REGISTRY: address,
    DOCKER_CONFIG: join(dir, "docker"),
    ...env,
  });
  return {
    settings,
    progress: (event: { type: string; text?: string }) =>
      void (event.type === "note" && notes.push(event.text ?? "")),
    signal,
  };
}

let made = 0;
/** An entry as kernels and images are: text, a program, a link, a file with a hole. */
async function make(into: string): Promise<unknown> {
  made += 1;
  await writeFile(join(into, "config"), "CONFIG_X=y\n");
  await mkdir(join(into, "tree/bin"), { recursive: true });
  await writeFile(join(into, "tree/bin/node"), "#!/bin/sh\n");
  await chmod(join(into, "tree/bin/node"), 0o755);
  await symlink("node", join(into, "tree/bin/nodejs"));
  await writeFile(join(into, "root.ext4"), "");
  await truncate(join(into, "root.ext4"), 8 * 1024 ** 2);
  await using file = await open(join(into, "root.ext4"), "r+");
  await file.write("in the middle", 5 * 1024 ** 2);
  return { version: "6.1.115" };
}

async function provide(
  who: string,
  address: string,
  options: {
    readonly key?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly alias?: string;
  } = {},
): Promise<StoreEntry> {
  made = 0;
  const store = sharedStore("kernels", cacheOf(who, address, options.env));
  const limits = { within: "60s", signal, alias: options.alias } as const;
  return await store.findOrMake(options.key ?? "6.1.115-abc", limits, make);
}

const push = { DSTATE_CACHE_PUSH: "1" };

describe("a registry that one has filled", () => {
  test("saves the other the making: all is the same to the byte, with modes, links and holes", async () => {
    await provide("one", registry.address, { env: push, key: "same-1" });
    expect(made).toBe(1);
    const entry = await provide("two", registry.address, { key: "same-1" });
    expect(notes).toEqual([]);
    expect(made).toBe(0);
    expect(entry.about).toEqual({ version: "6.1.115" });
    expect(await readlink(join(entry.dir, "tree/bin/nodejs"))).toBe("node");
    expect((await stat(join(entry.dir, "tree/bin/node"))).mode & 0o111).toBe(0o111);
    const image = await stat(join(entry.dir, "root.ext4"));
    expect(image.size).toBe(8 * 1024 ** 2);
    expect(image.blocks * 512).toBeLessThan(1024 ** 2);
    expect((await readdir(entry.dir)).sort()).toEqual(["config", "manifest.json", "root.ext4", "tree"]);
    // Found again, by nobody's leave but its own manifest's.
    await provide("two", registry.address, { key: "same-1" });
    expect(made).toBe(0);
  });

  test("gives what a cell needs to who makes nothing, and says what it has not", async () => {
    const folder = join(dir, "workload");
    await mkdir(folder);
    await writeFile(join(folder, "run.sh"), "exit 0\n");
    const repro = { id: "taken", workload: pathToFileURL(`${folder}/`), npm: "10.1.0" };
    const cell = { kernel: "6.1.115", node: "20.9.0", env: {}, image: "debian", axes: {} } as const;
    const none = await takeParts(repro, cell, cacheOf("two", registry.address));
    expect(none).toEqual(["kernel", "image", "node", "workload"]);
    await provideWorkload(repro, cell, cacheOf("one", registry.address));
    await takeParts(repro, cell, cacheOf("one", registry.address, push));
    expect(await takeParts(repro, cell, cacheOf("two", registry.address))).toEqual([
      "kernel",
      "image",
      "node",
    ]);
    const taken = await provideWorkload(repro, cell, cacheOf("two", "oci://127.0.0.1:1/none"));
    expect((await stat(taken ?? "")).size).toBe(2 * 1024 ** 3);
    expect(
      await readdir(join(dir, "two/kernels")).then((names) => names.filter((name) => !name.startsWith("."))),
    ).toEqual([]);
  });

  test("is not written to by who did not say so", async () => {
    await provide("one", registry.address, { key: "unsaid-1" });
    await provide("two", registry.address, { key: "unsaid-1" });
    expect(made).toBe(1);
  });

  test("gives what another compiler built, under the key that it has", async () => {
    await provide("one", registry.address, { env: push, key: "6.1.1-gcc12", alias: "6.1.1-any-1" });
    const entry = await provide("two", registry.address, { key: "6.1.1-gcc14", alias: "6.1.1-any-1" });
    expect(made).toBe(0);
    expect(entry.key).toBe("6.1.1-gcc12");
  });
});

describe("a registry that does wrong costs time, and what is wanted is made here:", () => {
  const isBlob = (url = ""): boolean => url.includes("/blobs/sha256:");
  const original = async (url: string): Promise<Buffer> =>
    Buffer.from(await (await fetch(`http://127.0.0.1:${registry.port}${url}`)).arrayBuffer());
  /** The layer: what is larger than any config here is no config. */
  const onLayer =
    (change: (bytes: Buffer) => Buffer): Meddler =>
    async ({ url = "", method }, response) => {
      if (method !== "GET" || !isBlob(url)) return false;
      const bytes = await original(url);
      if (bytes[0] === "{".charCodeAt(0)) return false;
      response.writeHead(200).end(change(bytes));
      return true;
    };
  const onConfig =
    (change: (text: string) => string): Meddler =>
    async ({ url = "", method }, response) => {
      if (method !== "GET" || !isBlob(url)) return false;
      const bytes = await original(url);
      if (bytes[0] !== "{".charCodeAt(0)) return false;
      response.writeHead(200).end(change(bytes.toString()));
      return true;
    };
  const onManifest =
    (change: (text: string) => string): Meddler =>
    async ({ url = "", method }, response) => {
      if (method !== "GET" || !url.includes("/manifests/")) return false;
      const text = await (
        await fetch(`http://127.0.0.1:${registry.port}${url}`, {
          headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
        })
      ).text();
      response.writeHead(200).end(change(text));
      return true;
    };
  const flip = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    return copy;
  };

  test.each<[string, Meddler, RegExp]>([
    ["a changed blob", onLayer(flip), /was changed: its sha256 is/],
    ["a truncated blob", onLayer((bytes) => bytes.subarray(0, bytes.length - 10)), /broke off after/],
    ["a longer blob", onLayer((bytes) => Buffer.concat([bytes, bytes])), /longer than the/],
    ["a changed manifest of ours", onConfig((text) => text.replace("6.1.115", "6.1.116")), /did not say/],
    [
      "a manifest of another version",
      onManifest((text) => text.replace("entry.v1", "entry.v2")),
      /another version/,
    ],
    [
      "an image of something else",
      onManifest((text) => text.replace("files.v1", "files.v9")),
      /other layers/,
    ],
    ["no manifest", onManifest(() => "<html>"), /a manifest that is none/],
    ["an endless manifest", onManifest(() => " ".repeat(5 * 1024 ** 2)), /more than 4194304 bytes/],
    [
      "an error of its own",
      async (_request, response) => {
        response.writeHead(500).end("disk full");
        return true;
      },
      /status 500: disk full/,
    ],
    [
      "a login that nobody has",
      async (_request, response) => {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      },
      /has none for it/,
    ],
    [
      "a login elsewhere",
      async (_request, response) => {
        response.writeHead(401, { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' }).end();
        return true;
      },
      /to log in, which is not followed/,
    ],
  ])("%s", async (name, meddler, sentence) => {
    const key = `wrong-${name.replaceAll(" ", "-")}`;
    await provide("one", registry.address, { env: push, key });
    await using between = await meddleWith(registry, meddler);
    notes = [];
    const entry = await provide("two", between.address, { key });
    expect(made).toBe(1);
    expect(notes.join("\n")).toMatch(sentence);
    expect(notes.join("\n")).toContain(`${key} is made here`);
    expect((await readdir(entry.dir)).sort()).toEqual(["config", "manifest.json", "root.ext4", "tree"]);
    const left = (await readdir(join(dir, "two/kernels"))).filter((name) => name !== ".used");
    expect(left).toEqual([".locks", key]);
  });

  test.each(["manifests", "blobs"])(
    "%s that are to be had elsewhere, over http: nobody goes there",
    async (what) => {
      const key = `elsewhere-${what}`;
      await provide("one", registry.address, { env: push, key });
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
      notes = [];
      await provide("two", between.address, { key });
      expect(made).toBe(1);
      expect(notes.join("\n")).toContain("which is not followed");
      expect(visits).toBe(0);
    },
  );

  test("a name that belongs to another entry of another cache", async () => {
    await sharedStore("images", cacheOf("one", registry.address, push)).findOrMake(
      "mixed-up",
      { within: "60s", signal },
      make,
    );
    await using between = await meddleWith(registry, async (request) => {
      request.url = (request.url ?? "").replace("kernels.mixed-up", "images.mixed-up");
      return false;
    });
    notes = [];
    await provide("two", between.address, { key: "mixed-up" });
    expect(made).toBe(1);
    expect(notes.join()).toContain('is of the cache "images", not of "kernels"');
  });

  test("nobody at all, and then it is not asked again for a while", async () => {
    const address = "oci://127.0.0.1:1/team/cache";
    await provide("two", address, { key: "nobody-1" });
    expect(made).toBe(1);
    expect(notes.join()).toMatch(/cannot be asked: .*is made here/);
    notes = [];
    await provide("two", address, { key: "nobody-2" });
    expect(made).toBe(1);
    expect(notes).toEqual([]);
  });

  test("a push that it refuses, which takes nothing from who made it", async () => {
    await using between = await meddleWith(registry, async ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(507).end();
      return true;
    });
    const entry = await provide("one", between.address, { key: "full-1", env: push });
    expect(made).toBe(1);
    expect(entry.about).toEqual({ version: "6.1.115" });
    expect(notes.join()).toMatch(/status 507.*is not there for others/);
  });

  test("an upload that is to go elsewhere: nothing is sent", async () => {
    await using between = await meddleWith(registry, async ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(202, { location: "https://192.0.2.1/upload" }).end();
      return true;
    });
    await provide("one", between.address, { key: "upload-1", env: push });
    expect(notes.join()).toContain("wants uploads to go to https://192.0.2.1");
  });
});

describe("a registry that wants a login", () => {
  // The password is "secret", hashed by bcrypt.
  const htpasswd = "me:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

  test("is told the user's name as docker's configuration has it, and refuses others", async () => {
    await using own = await startRegistry(join(dir, "private"), { htpasswd });
    await mkdir(join(dir, "docker"));
    const write = async (auth: string): Promise<void> =>
      await writeFile(
        join(dir, "docker/config.json"),
        JSON.stringify({
          auths: { [`127.0.0.1:${own.port}`]: { auth: Buffer.from(auth).toString("base64") } },
        }),
      );
    await write("me:secret");
    await provide("one", own.address, { key: "login-1", env: push });
    await provide("two", own.address, { key: "login-1" });
    expect(notes).toEqual([]);
    expect(made).toBe(0);
    await write("me:wrong");
    await provide("three", own.address, { key: "login-1" });
    expect(made).toBe(1);
    expect(notes.join()).toContain("status 401");
  });

  test("by tokens gets the user's name at its own place for them, and a token from then on", async () => {
    const key = "token-1";
    await provide("one", registry.address, { env: push, key });
    await mkdir(join(dir, "docker"));
    const seen: string[] = [];
    await using between = await meddleWith(registry, async (request, response) => {
      const { host, authorization } = request.headers;
      if (request.url?.startsWith("/token")) {
        seen.push(`${authorization} ${request.url}`);
        response.end(JSON.stringify({ token: "t0ken" }));
        return true;
      }
      if (authorization === "Bearer t0ken") {
        delete request.headers.authorization;
        return false;
      }
      response
        .writeHead(401, {
          "www-authenticate": `Bearer realm="http://${host}/token",service="reg",scope="repository:team/cache:pull"`,
        })
        .end();
      return true;
    });
    const host = between.address.slice("oci://".length).split("/")[0] ?? "";
    await writeFile(
      join(dir, "docker/config.json"),
      JSON.stringify({ auths: { [host]: { auth: Buffer.from("me:secret").toString("base64") } } }),
    );
    await provide("two", between.address, { key });
    expect(made).toBe(0);
    expect(seen).toEqual([
      `Basic ${Buffer.from("me:secret").toString("base64")} /token?service=reg&scope=repository%3Ateam%2Fcache%3Apull`,
    ]);
  });

  test("has its name and password from a helper of docker's", async () => {
    const helper = join(dir, "docker-credential-tests");
    await writeFile(
      helper,
      `#!/bin/sh\nread host; echo "{\\"Username\\":\\"me at $host\\",\\"Secret\\":\\"s\\"}"\n`,
    );
    await chmod(helper, 0o755);
    const config = join(dir, "config.json");
    await writeFile(config, JSON.stringify({ credHelpers: { "ghcr.io": "tests" } }));
    const before = process.env.PATH;
    process.env.PATH = `${dir}:${before}`;
    onTestFinished(() => {
      process.env.PATH = before;
    });
    expect(await credentialsFor("ghcr.io", [join(dir, "none.json"), config], signal)).toEqual({
      type: "password",
      user: "me at ghcr.io",
      password: "s",
    });
    expect(await credentialsFor("quay.io", [config], signal)).toBeUndefined();
    await writeFile(config, JSON.stringify({ credHelpers: { "ghcr.io": "../../bin/sh" } }));
    await expect(credentialsFor("ghcr.io", [config], signal)).rejects.toThrow(/which is no name/);
    await writeFile(config, "no json");
    await expect(credentialsFor("ghcr.io", [config], signal)).rejects.toThrow(/no configuration of docker's/);
  });
});

describe("an address", () => {
  test.each([
    ["oci://ghcr.io/me/dstate-cache", "https://ghcr.io", "me/dstate-cache"],
    ["oci://registry.example.org:8443/a", "https://registry.example.org:8443", "a"],
    ["oci://127.0.0.1:5000/cache", "http://127.0.0.1:5000", "cache"],
    ["oci://localhost/cache", "http://localhost", "cache"],
  ])("%s is asked at %s", (text, origin, name) => {
    expect(parseRegistryAddress(text)).toMatchObject({ origin, name });
  });

  test("that is not this host's is asked over http only where the user says so", () => {
    expect(parseRegistryAddress("oci://10.0.0.1/a", { plainHttp: true }).origin).toBe("http://10.0.0.1");
    expect(parseRegistryAddress("oci://localhost.example.org/a").origin).toBe(
      "https://localhost.example.org",
    );
  });

  test.each([
    "ghcr.io/me/x",
    "https://ghcr.io/me/x",
    "oci://ghcr.io",
    "oci://ghcr.io/",
    "oci://ghcr.io/Me/X",
    "oci://a b/c",
    "oci://u:p@h/x",
    "oci://h/x:tag",
    "oci://h/../x",
  ])("%s is none", (text) => {
    expect(() => parseRegistryAddress(text)).toThrow(/is no registry/);
  });
});

describe("a place for tokens", () => {
  const at = (realm: string, origin: string) =>
    realmOf({ type: "bearer", realm, service: undefined, scope: undefined }, { origin });
  test.each([
    ["https://ghcr.io/token", "https://ghcr.io", true],
    ["https://auth.docker.io/token", "https://registry-1.docker.io", true],
    ["https://evil.example/token", "https://ghcr.io", false],
    ["https://10.9.0.1/token", "https://10.8.0.1", false],
  ])("%s of %s is told the user's name: %s", (realm, origin, isTrusted) => {
    expect(at(realm, origin)?.isTrusted).toBe(isTrusted);
  });

  test.each([
    ["http://ghcr.io/token", "https://ghcr.io"],
    ["http://evil.example/token", "http://10.0.0.1"],
    ["nowhere", "https://ghcr.io"],
  ])("%s of %s is not asked", (realm, origin) => {
    expect(at(realm, origin)).toBeUndefined();
  });

  test("is read from a challenge", () => {
    expect(parseChallenge('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"')).toEqual({
      type: "bearer",
      realm: "https://a/t",
      service: "s",
      scope: "repository:x:pull,push",
    });
    expect(parseChallenge('Basic realm="x"')).toEqual({ type: "basic" });
    expect(parseChallenge("Negotiate")).toBeUndefined();
  });
});
