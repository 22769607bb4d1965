import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { readPins } from "../../src/kernel/pins.ts";
import { type NixLab, openNixLab } from "../nix/eval.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const files = globSync(["flake.nix", "vm/**/*.nix", "tests/nix/**/*.nix"], { cwd: home });

let lab: NixLab;
beforeAll(async () => {
  lab = await openNixLab();
});
afterAll(async () => await lab[Symbol.asyncDispose]());

test("there are Nix files to look at", () => {
  expect(files.length).toBeGreaterThan(20);
});

describe.each(files)("%s", (file) => {
  test("parses", async () => {
    await lab.parse(join(home, file));
  });

  test("is formatted: two spaces a level, no tabs, no blanks at a line's end, one newline at the file's", async () => {
    const text = await readFile(join(home, file), "utf8");
    expect(text).toMatch(/[^\n]\n$/);
    const odd = text
      .split("\n")
      .filter((line) => /\t|\s$/.test(line) || /^( {2})* (?=\S)/.test(line) || line.length > 220);
    expect(odd).toEqual([]);
  });
});

test("a pin's nixpkgs is named by its revision and the hash of its content, which Nix takes without an input", async () => {
  const pins = (await readPins(home)).filter(({ nixpkgs }) => nixpkgs);
  expect(pins.length).toBeGreaterThan(0);
  for (const { version, nixpkgs } of pins) {
    const url = `github:NixOS/nixpkgs/${nixpkgs?.revision}?narHash=${nixpkgs?.narHash}`;
    expect(await lab.eval(`lib.pins.linux-${version.replaceAll(".", "_")}.flake`)).toBe(url);
  }
});

test("the one input is pinned by a revision in its URL, and the lock file has the same", async () => {
  const flake = await readFile(join(home, "flake.nix"), "utf8");
  const urls = [...flake.matchAll(/\.url = "([^"]+)"/g)].map(([, url]) => url);
  expect(urls).toHaveLength(1);
  const lock = z
    .object({
      nodes: z.object({ nixpkgs: z.object({ locked: z.record(z.string(), z.string()) }) }),
    })
    .parse(JSON.parse(await readFile(join(home, "flake.lock"), "utf8")));
  const { owner, repo, rev } = lock.nodes.nixpkgs.locked;
  expect(`github:${owner}/${repo}/${rev}`).toBe(urls[0]);
});

test("every release of libuv is pinned by the commit of its tag", async () => {
  const text = await readFile(join(home, "vm/nixos/libuv.json"), "utf8");
  const pins = z.record(z.string(), z.string()).parse(JSON.parse(text));
  const lines = new Set(Object.keys(pins).map((version) => version.replace(/\.\d+$/, "")));
  for (const line of ["1.44", "1.45", "1.46", "1.48", "1.49", "1.50", "1.51"]) expect(lines).toContain(line);
  for (const revision of Object.values(pins)) expect(revision).toMatch(/^[0-9a-f]{40}$/);
});
