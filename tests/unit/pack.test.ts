import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { createTar, parseTar } from "nanotar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { hostFiles } from "../../src/pack/install.ts";
import { readSigningKey, signBytes, verifyBytes } from "../../src/pack/minisign.ts";
import { mostPacked, type Packed, packRun } from "../../src/pack/pack.ts";
import { differencesFrom, kernelFor } from "../../src/pack/rebuild.ts";
import { unpack } from "../../src/pack/unpack.ts";
import { readRun } from "../../src/record/read-run.ts";
import { runInTerminal } from "./terminal.ts";

const flagship = fileURLToPath(new URL("fixtures/runs/flagship", import.meta.url));
const repro = fileURLToPath(new URL("../repros/io-uring-dstate", import.meta.url));
const keys = new URL("fixtures/minisign/", import.meta.url);
const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
let dir = "";
let packed: Packed;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-pack-"));
  await cp(flagship, join(dir, "run"), { recursive: true });
  await rm(join(dir, "run/repro"), { recursive: true });
  await cp(repro, join(dir, "run/repro"), { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
  packed = await packRun(await readRun(join(dir, "run")), readSettings());
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

interface Entry {
  name: string;
  data?: Uint8Array | undefined;
}

/** The pack with its entries changed. */
function changed(change: (entries: Entry[]) => Entry[]): Uint8Array {
  const entries = parseTar(gunzipSync(packed.bytes)).map(({ name, data }) => ({ name, data }));
  return gzipSync(
    createTar(change(entries).map(({ name, data }) => ({ name, data: data ?? new Uint8Array() }))),
  );
}

async function rerun(...args: string[]): Promise<{ code: number | null; said: string }> {
  const env = { ...process.env, DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, "rerun", ...args], { env, cwd: dir }, (_error, out, err) =>
      resolve({ code: child.exitCode, said: out + err }),
    );
    child.stdin?.end();
  });
}

describe("a pack", () => {
  test("holds the repro, its evidence and what it was made from, below 20 MB, with nothing left out", () => {
    const { manifest, files } = unpack(packed.bytes, "x");
    expect(packed.bytes.length).toBeLessThan(mostPacked);
    expect(manifest.omitted).toEqual([]);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        "repro/repro.ts",
        "repro/workload/lstat.mjs",
        "evidence/run.json",
        "evidence/1/kernel-config",
      ]),
    );
    expect(manifest.pin?.version).toBe("6.1.115");
    expect(manifest.trial.outcome).toBe("reproduced");
    expect(manifest.rates.map(({ outcomes }) => outcomes)).toEqual([{ reproduced: 1 }, { clean: 1 }]);
  });

  test("is not made of a run that does not hold its whole repro: nobody could run it", async () => {
    const partial = join(dir, "partial");
    await cp(join(dir, "run"), partial, { recursive: true });
    await rm(join(partial, "repro/trial.ts"));
    await expect(packRun(await readRun(partial), readSettings())).rejects.toThrow("trial.ts is missing");
  });

  test("leaves a kept machine at home: its memory and the keys to its guest are nobody else's", async () => {
    const run = join(dir, "kept-run");
    await cp(join(dir, "run"), run, { recursive: true });
    for (const folder of ["1/kept", "1/kept.draft", "1/attached/x"]) {
      await mkdir(join(run, folder), { recursive: true });
      await writeFile(join(run, folder, "client-key"), "PRIVATE KEY");
    }
    const { bytes } = await packRun(await readRun(run), readSettings());
    const { files } = unpack(bytes, "x");
    expect([...files.keys()].filter((path) => /kept|attached/.test(path))).toEqual([]);
    expect(files.size).toBe(unpack(packed.bytes, "x").files.size);
  });

  test("is the same file whenever it is made: its name is the hash of all that is in it", async () => {
    const again = await packRun(await readRun(join(dir, "run")), readSettings());
    expect(again.bytes.equals(packed.bytes)).toBe(true);
    expect(unpack(packed.bytes, "x").id).toBe(packed.id);
  });

  test("of which a byte was changed, a file added, doubled or taken away, is refused", () => {
    const other = new TextEncoder().encode("throw 1");
    const evil: [string, (entries: Entry[]) => Entry[]][] = [
      [
        "was changed",
        (all) => all.map((entry) => (entry.name === "repro/repro.ts" ? { ...entry, data: other } : entry)),
      ],
      ["does not have", (all) => [...all, { name: "repro/more.ts", data: other }]],
      ["does not have", (all) => [...all, ...all.filter(({ name }) => name === "repro/repro.ts")]],
      ["is missing", (all) => all.filter(({ name }) => name !== "repro/trial.ts")],
      ["no manifest", (all) => all.slice(1)],
    ];
    for (const [why, change] of evil) expect(() => unpack(changed(change), "x"), why).toThrow(why);
  });

  test("cannot name a file outside of itself", () => {
    for (const path of ["../evil.ts", "/etc/passwd", "repro/../../evil.ts", "repro/./a", "repro//a"]) {
      const bytes = changed((all) => {
        const [manifest, ...rest] = all;
        const text = new TextDecoder().decode(manifest?.data);
        const value = JSON.parse(text) as { files: Record<string, unknown> };
        value.files[path] = { sha256: "0".repeat(64), bytes: 0 };
        return [{ name: "manifest.json", data: new TextEncoder().encode(JSON.stringify(value)) }, ...rest];
      });
      expect(() => unpack(bytes, "x"), path).toThrow("its manifest");
    }
  });

  test("that is none, or a bomb, is refused with a sentence", () => {
    expect(() => unpack(new TextEncoder().encode("not a pack"), "x")).toThrow(
      "is not a pack that can be used",
    );
    expect(() => unpack(gzipSync(Buffer.alloc(300 * 1024 ** 2)), "x")).toThrow(
      "is not a pack that can be used",
    );
  });

  test("says what of it this host would run, apart from what goes into the guest", async () => {
    const code = hostFiles(packed).filter((file) => file.code);
    const modules = (await readdir(repro)).filter((name) => /(?<!\.test)\.ts$/.test(name));
    expect(code.map(({ path }) => path).sort()).toEqual(modules.sort());
  });
});

describe("a kernel of a pack", () => {
  const withKernel = (kernel: string) => ({
    ...packed.manifest,
    trial: { ...packed.manifest.trial, cell: { ...packed.manifest.trial.cell, kernel } },
  });

  test("that is a release or a package is made again here", () => {
    expect(kernelFor(packed.manifest, undefined)).toBe("6.1.115");
    expect(kernelFor(withKernel("deb:6.12.43-1"), undefined)).toBe("deb:6.12.43-1");
    expect(kernelFor(withKernel("6.1.115+lockdep"), undefined)).toBe("6.1.115+lockdep");
  });

  test.each([
    ["git:/home/her/linux@v6.1", "a tree"],
    ["file:/home/her/bzImage", "a file"],
    ["rpm:./kernel-core.rpm", "a package"],
    ["rpm:./kernel-core.rpm,./kernel-modules.rpm", "packages"],
    ["6.1.115+patch=./fix.patch", "a patch"],
    ["6.1.115+revert=0123456789ab", "a tree"],
  ])("that another host has alone is refused, unless another is named: %s", (kernel, what) => {
    expect(() => kernelFor(withKernel(kernel), undefined)).toThrow(
      `cannot be rebuilt here: ${kernel} needs ${what} of the host that packed it`,
    );
    expect(kernelFor(withKernel(kernel), "6.1.115")).toBe("6.1.115");
  });

  test("differs by name from what was packed, and nothing is said of what is the same", () => {
    const { trial, parts, host, dstate } = packed.manifest;
    const { machine, ...about } = trial;
    const outcomes = ["reproduced"] as const;
    const same = { trial: about, parts, host, dstate: dstate.version, outcomes };
    const names = differencesFrom(packed.manifest, { ...same, trial: { ...about, outcome: "clean" } }).map(
      ({ what }) => what,
    );
    expect(names).toContain("outcome");
    expect(names).not.toContain("kernel, sha256");
    expect(names).not.toContain("how often");
    const summary = trial.summary?.replace("130", "7");
    expect(differencesFrom(packed.manifest, { ...same, trial: { ...about, summary } })).not.toContainEqual(
      expect.objectContaining({ what: "what was seen" }),
    );
    expect(
      differencesFrom(packed.manifest, { ...same, outcomes: ["clean", "reproduced", "infra-error"] }),
    ).toContainEqual({ what: "how often", before: "1 of 1 reproduced", now: "1 of 2 reproduced" });
    expect(machine?.qemu).toBe("7.2.22");
  });
});

describe("a signature", () => {
  test("by minisign itself is good, and by us is good for minisign's format", async () => {
    const [file, signature, publicKey] = await Promise.all(
      ["signed.txt", "signed.txt.minisig", "key.pub"].map((name) => readFile(new URL(name, keys))),
    );
    if (!file || !signature || !publicKey) throw new Error("the fixtures are there");
    expect(verifyBytes(file, signature.toString(), publicKey.toString())).toContain("signed.txt");
    const own = readSigningKey(await readFile(new URL("key.sec", keys), "utf8"));
    expect(publicKey.toString()).toContain(own.publicKey);
    const ours = signBytes(file, own, "a comment");
    expect(verifyBytes(file, ours, publicKey.toString())).toBe("a comment");
  });

  test("of other bytes, by another key or with another comment is refused", () => {
    const pem = (): string =>
      generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const [key, other] = [readSigningKey(pem()), readSigningKey(pem())];
    const text = signBytes(packed.bytes, key, "dstate pack");
    expect(verifyBytes(packed.bytes, text, key.publicKey)).toBe("dstate pack");
    expect(() => verifyBytes(Buffer.from("other"), text, key.publicKey)).toThrow("was changed");
    expect(() => verifyBytes(packed.bytes, text, other.publicKey)).toThrow("another key");
    const lied = text.replace("trusted comment: dstate pack", "trusted comment: trust me");
    expect(() => verifyBytes(packed.bytes, lied, key.publicKey)).toThrow("was changed");
  });
});

describe("dstate rerun", () => {
  test("loads nothing of a pack before somebody says yes: where nobody can be asked it ends with exit code 2", async () => {
    const run = join(dir, "foreign");
    await cp(join(dir, "run"), run, { recursive: true });
    await writeFile(join(run, "repro/repro.ts"), 'console.log("LOADED");\n');
    const file = join(dir, "foreign.dstate");
    await writeFile(file, (await packRun(await readRun(run), readSettings())).bytes);
    const { code, said } = await rerun(file);
    expect(code).toBe(2);
    expect(said).toContain("These modules run on this host, with all your rights:");
    expect(said).toContain("repro.ts");
    expect(said).toContain("nobody can be asked here");
    expect(said).not.toContain("LOADED");
    const agreed = await rerun(file, "--yes");
    expect(agreed.said).toContain("LOADED");
  });

  test.each([
    ["n", 2, "not run: you said no"],
    ["", 2, "not run: you said no"],
    ["y", 70, "LOADED"],
  ])("asks at a terminal, and takes %j for what it is", async (answer, code, said) => {
    const run = join(dir, `asked-${code}${answer}`);
    await cp(join(dir, "run"), run, { recursive: true });
    await writeFile(join(run, "repro/repro.ts"), 'console.log("LOADED"); throw new TypeError("mine");\n');
    const file = join(dir, `asked-${code}${answer}.dstate`);
    await writeFile(file, (await packRun(await readRun(run), readSettings())).bytes);
    const { exitCode, screen } = await runInTerminal([process.execPath, bin, "rerun", file], {
      cwd: dir,
      env: { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") },
      typed: [{ after: "Run it? [y/N] ", text: `${answer}\r` }],
    });
    expect(screen).toContain(said);
    expect(screen.includes("LOADED")).toBe(answer === "y");
    if (answer !== "y") expect(exitCode).toBe(code);
  });

  test("refuses what is not signed by the key that is trusted", async () => {
    const file = join(dir, "signed.dstate");
    await writeFile(file, packed.bytes);
    const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const key = readSigningKey(pem);
    expect((await rerun(file, "--trust", key.publicKey)).said).toContain("is not signed");
    await writeFile(`${file}.minisig`, signBytes(Buffer.from("other"), key, "x"));
    const { code, said } = await rerun(file, "--trust", key.publicKey);
    expect([code, said]).toEqual([2, expect.stringContaining("one of the two was changed")]);
    // Nothing of it was read as a pack by then: a damaged one is told by its signature.
    await writeFile(file, "hello");
    expect((await rerun(file, "--trust", key.publicKey, "--yes")).said).toContain("was changed");
  });

  test("says what is not a pack, in a sentence", async () => {
    await mkdir(join(dir, "folder"), { recursive: true });
    const file = join(dir, "text.dstate");
    await writeFile(file, "hello");
    expect((await rerun(file)).said).toContain("is not a pack that can be used");
    expect((await rerun(join(dir, "missing.dstate"))).said).toContain("there is no file");
  });
});
