import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { verifiedText } from "../../src/supply/signature.ts";

const { signal } = new AbortController();
const text = "Suite: test\nSHA256:\n 00 1 main/Packages.xz\n";
const haveGpg = ["gpg", "gpgv"].every((program) => spawnSync(program, ["--version"]).status === 0);

describe.runIf(haveGpg)("a clear-signed file", () => {
  let home = "";
  let signed = "";
  let keyring = "";
  const gpg = (...argv: string[]): void => {
    const made = spawnSync("gpg", ["--homedir", home, "--batch", "--quiet", "--passphrase", "", ...argv]);
    if (made.status !== 0) throw new Error(made.stderr.toString());
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "dstate-gpg-"));
    gpg("--quick-generate-key", "archive@example.test", "ed25519", "sign", "never");
    keyring = join(home, "keyring.gpg");
    gpg("--output", keyring, "--export");
    await writeFile(join(home, "Release"), text);
    gpg("--output", join(home, "InRelease"), "--clearsign", join(home, "Release"));
    signed = await readFile(join(home, "InRelease"), "utf8");
    return async () => {
      spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]);
      await rm(home, { recursive: true, force: true });
    };
  });

  async function verify(content: string, keys = keyring): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    const path = join(dir, "InRelease");
    await writeFile(path, content);
    try {
      return await verifiedText(path, { what: "the test's file", keyring: keys, signal });
    } finally {
      expect(await readdir(dir)).toEqual(["InRelease"]);
    }
  }

  test("is read without its signature", async () => {
    expect(await verify(signed)).toBe(text);
  });

  test("yields nothing that stands outside of the signed part", async () => {
    expect(await verify(`SHA256: forged\n\n${signed}\nSHA256: forged\n`).catch(() => text)).toBe(text);
  });

  test("that was changed is refused", async () => {
    const changed = verify(signed.replace("Packages", "Packages2"));
    await expect(changed).rejects.toThrow(InfraError);
  });

  test("by nobody we know is refused", async () => {
    const empty = join(home, "empty.gpg");
    await writeFile(empty, "");
    const unknown = verify(signed, empty);
    await expect(unknown).rejects.toThrow("the test's file carries no good signature");
  });

  test("that is not signed at all is refused", async () => {
    await expect(verify(text)).rejects.toThrow("the test's file carries no good signature");
  });
});
