import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { formatKernelSelector, type KernelSelector, parseKernelSelector } from "../../src/kernel/selector.ts";

describe("a kernel selector", () => {
  test.each<[string, KernelSelector]>([
    ["6.1.115", { type: "release", version: "6.1.115" }],
    ["6.1", { type: "release", version: "6.1" }],
    ["7.3-rc7", { type: "release", version: "7.3-rc7" }],
    ["deb:6.12.43", { type: "deb", version: "6.12.43" }],
    ["deb:6.1", { type: "deb", version: "6.1" }],
    ["deb:6.12.43-1~bpo12+1", { type: "deb", version: "6.12.43-1~bpo12+1" }],
    ["deb:6.1.112-1@20241015", { type: "deb", version: "6.1.112-1", at: "20241015" }],
    ["git:/src/linux@v6.1-rc1", { type: "git", tree: "/src/linux", revision: "v6.1-rc1" }],
    ["git:/home/me@work/linux@HEAD~3", { type: "git", tree: "/home/me@work/linux", revision: "HEAD~3" }],
    ["git:/src/linux@main@{1}", { type: "git", tree: "/src/linux", revision: "main@{1}" }],
    ["file:/boot/vmlinuz", { type: "file", path: "/boot/vmlinuz" }],
    ["nix:6.6.58", { type: "nix", version: "6.6.58" }],
  ])("%s is read and written back unchanged", (text, selector) => {
    expect(parseKernelSelector(text)).toEqual(selector);
    expect(formatKernelSelector(selector)).toBe(text);
  });

  test.each([
    "",
    "6",
    "latest",
    "v6.1.115",
    "6.1.115 ",
    "deb:",
    "deb:sid",
    "deb:6.1/..",
    "git:/src/linux",
    "git:@v6.1",
  ])("%j is refused with examples of what can be written", (text) => {
    expect(() => parseKernelSelector(text)).toThrow(UsageError);
    expect(() => parseKernelSelector(text)).toThrow(`"${text}" names no kernel`);
  });

  test("a revision that git would take for an option is refused", () => {
    expect(() => parseKernelSelector("git:/src/linux@--output=x")).toThrow(UsageError);
  });

  test("any text is either refused as the user's mistake or survives being written back", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^(git|deb|file|nix):[0-9a-z.@/{}-]*$/));
    fc.assert(
      fc.property(text, (text) => {
        try {
          expect(formatKernelSelector(parseKernelSelector(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});
