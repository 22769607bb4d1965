import { describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import type { KernelIndex } from "../../src/kernel/debian-index.ts";
import type { KernelPin } from "../../src/kernel/pins.ts";
import { isFixedSelector, kernelExamples, parseKernelSelector } from "../../src/kernel/selector.ts";
import { kernelSources, sourceOf } from "../../src/kernel/sources/index.ts";
import type { DebugImages } from "../../src/kernel/sources/source.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

describe("a source of kernels", () => {
  test.each(Object.entries(kernelSources))(
    "%s reads its own example and no other source does",
    (type, source) => {
      const text = source.example;
      expect(source.parse(text)?.type).toBe(type);
      const readers = Object.values(kernelSources).filter((other) => other.parse(text) !== undefined);
      expect(readers).toEqual([source]);
      expect(source.examples).toContain(text);
      expect(kernelExamples()).toContain(text);
    },
  );

  test.each([
    ["6.1.115", true],
    ["7.3-rc7", true],
    ["deb:6.12.43-1", true],
    ["deb:6.12.43", false],
    ["deb:6.1", false],
    [`git:/src/linux@${commit}`, true],
    ["git:/src/linux@v6.1", false],
    ["file:/boot/vmlinux", false],
    ["nix:6.6.58", true],
  ])("says of %s whether it is the same kernel for ever: %s", (text, fixed) => {
    expect(isFixedSelector(text)).toBe(fixed);
  });

  test.each([
    ["6.1.115", "6.1.115"],
    ["deb:6.12.43-1~bpo12+1", "6.12.43"],
    ["deb:7.3.1~rc7-1~exp1", "7.3.1-rc7"],
    // What it stands for depends on the day.
    ["deb:6.1", undefined],
    [`git:/src/linux@${commit}`, undefined],
    ["file:/boot/vmlinux", undefined],
    ["nix:6.6.58", undefined],
  ])("says of %s where it stands in a row of releases: %s", (text, version) => {
    const selector = parseKernelSelector(text);
    expect(sourceOf(selector).releaseOf(selector)).toBe(version);
  });

  test("names a commit in the ledger wherever its tree lies, and everything else as it was written", () => {
    const nameOf = (text: string): string => {
      const selector = parseKernelSelector(text);
      return sourceOf(selector).nameInLedger(selector);
    };
    expect(nameOf(`git:/src/linux@${commit}`)).toBe(`git@${commit}`);
    for (const text of ["6.1.115", "deb:6.12.43-1", "nix:6.6.58", "file:/boot/vmlinux"])
      expect(nameOf(text)).toBe(text);
  });

  test("lists what it knows, the oldest first; a pin wins over an index", () => {
    const file = { url: "http://mirror.test/x", size: 2 ** 21, sha256: "00" };
    const index: KernelIndex = {
      sources: ["6.1.115", "6.1.9"].map((version) => ({ version, file, suite: "bookworm" })),
      packages: ["6.12.43-1", "6.12.9-1"].map((version) => ({
        name: `linux-image-${version}-amd64`,
        version,
        depends: "",
        file,
        suite: "trixie",
      })),
    };
    const pin = { provenance: "By a test." };
    const pins: KernelPin[] = [
      { ...pin, version: "6.1.115", sha256: "ab".repeat(32) },
      { ...pin, version: "6.6.58", sha256: null },
    ];
    const trees = ["6.1.115", "6.1.57"].map((version) => ({
      version,
      tree: "/src/linux",
      commit,
      name: `v${version}`,
    }));
    const listed = (type: keyof typeof kernelSources): string[] =>
      kernelSources[type]
        .list({ index, pins, trees })
        .map(({ selector, source }) => `${selector} (${source})`);
    expect(listed("release")).toEqual([
      "6.1.9 (the signed index of bookworm)",
      "6.1.57 (the git tree /src/linux, v6.1.57)",
      "6.1.115 (pinned)",
    ]);
    expect(listed("deb")).toEqual([
      "deb:6.12.9-1 (the signed index of trixie)",
      "deb:6.12.43-1 (the signed index of trixie)",
    ]);
    expect(listed("nix")).toEqual(["nix:6.6.58 (pinned, for Nix)"]);
    expect(listed("git")).toEqual([]);
    expect(listed("file")).toEqual([]);
  });

  test("says where debug information may be, and what to do when it is nowhere", async () => {
    const context = {
      settings: readSettings({}, "/nowhere"),
      progress: silent,
      signal: new AbortController().signal,
    };
    const imagesOf = async (text: string): Promise<DebugImages> => {
      const selector = parseKernelSelector(text);
      return await sourceOf(selector).debugImages(selector, context);
    };
    expect(await imagesOf("6.1.115")).toMatchObject({ places: [{ type: "twin", of: "6.1.115" }] });
    expect((await imagesOf("6.1.115")).otherwise.next).toContain("dstate kernels build 6.1.115 --debug-info");
    expect(await imagesOf("file:/x/vmlinux")).toMatchObject({
      places: [{ type: "file", path: "/x/vmlinux" }],
    });
    expect(await imagesOf("nix:6.6.58")).toMatchObject({ places: [] });
    expect((await imagesOf("nix:6.6.58")).otherwise.next).toContain("--vmlinux");
  });
});
