import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { readPins } from "../../src/kernel/pins.ts";

async function homeWith(pins: unknown): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "dstate-test-"));
  onTestFinished(async () => await rm(home, { recursive: true }));
  await mkdir(join(home, "vm"));
  await writeFile(join(home, "vm", "kernels.json"), typeof pins === "string" ? pins : JSON.stringify(pins));
  return home;
}

const pin = { version: "6.1.115", sha256: "a".repeat(64), provenance: "by hand" };

test("the kernels of the flagship report are pinned by their content", async () => {
  const pins = await readPins(fileURLToPath(new URL("../..", import.meta.url)));
  const hashed = pins.filter(({ sha256 }) => sha256 !== null).map(({ version }) => version);
  expect(hashed).toEqual(expect.arrayContaining(["6.1.106", "6.1.115", "6.1.129"]));
});

test("a kernel of nixpkgs is pinned without a sha256 of its tarball", async () => {
  const nix = {
    version: "6.6.58",
    sha256: null,
    provenance: "by date",
    nixpkgs: { revision: "c".repeat(40) },
  };
  expect(await readPins(await homeWith([pin, nix]))).toEqual([pin, nix]);
});

test.each([
  ["no JSON", "[{"],
  ["a sha256 that is none", [{ ...pin, sha256: "abc" }]],
  ["a version twice", [pin, pin]],
  ["a field nobody knows, as a slip of the pen would be", [{ ...pin, sha512: "x" }]],
  ["no word on where it comes from", [{ ...pin, provenance: "" }]],
])("a list of pins with %s is refused", async (_case, pins) => {
  const home = await homeWith(pins);
  await expect(readPins(home)).rejects.toThrow(InfraError);
  await expect(readPins(home)).rejects.toThrow("is not a list of kernel pins");
});
