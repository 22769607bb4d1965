import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { checkConfiguration, mergeFragments } from "../../src/kernel/configuration.ts";
import { debugInfoFragment } from "../../src/kernel/debug-info.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";

describe("debug information", () => {
  const options = mergeFragments(["CONFIG_DEBUG_KERNEL=y", debugInfoFragment]);

  test("is asked for in the words of kernels before and since 5.18", () => {
    const since = "CONFIG_DEBUG_KERNEL=y\nCONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y\n";
    expect(() => checkConfiguration(options, since, "6.1.115")).not.toThrow();
    const before = "CONFIG_DEBUG_KERNEL=y\nCONFIG_DEBUG_INFO=y\n";
    expect(() => checkConfiguration(options, before, "5.10.1")).not.toThrow();
  });

  test("that did not come about is told", () => {
    const config = "CONFIG_DEBUG_KERNEL=y\n# CONFIG_DEBUG_INFO is not set\n";
    expect(() => checkConfiguration(options, config, "6.1.115")).toThrow("CONFIG_DEBUG_INFO=y (is n)");
  });

  test.each(["deb:6.1", "nix:6.6.58", "file:vmlinux"])(
    "cannot be added to %s, which is built already",
    async (text) => {
      const context = {
        settings: readSettings({}, tmpdir()),
        progress: silent,
        signal: new AbortController().signal,
      };
      const provided = provideKernel(parseKernelSelector(text), context, { debugInfo: true });
      await expect(provided).rejects.toMatchObject({
        exitCode: 2,
        next: expect.stringContaining("--vmlinux"),
      });
    },
  );
});
