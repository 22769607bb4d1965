import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import {
  checkConfiguration,
  formatOptions,
  mergeFragments,
  parseFragment,
  readFragments,
  unmetOptions,
} from "../../src/kernel/configuration.ts";

const homeDir = fileURLToPath(new URL("../..", import.meta.url));

describe("a configuration fragment", () => {
  test("is read line by line, whatever the comments say", () => {
    const text = '# why\nCONFIG_A=y\n\nCONFIG_B=16\n# CONFIG_C is not set\nCONFIG_D="x y"\n';
    expect(parseFragment(text).map(({ name, value }) => [name, value])).toEqual([
      ["CONFIG_A", "y"],
      ["CONFIG_B", "16"],
      ["CONFIG_C", "n"],
      ["CONFIG_D", '"x y"'],
    ]);
  });

  test("marks only the option right below the comment as optional", () => {
    const text = "# optional: since Linux 6.16\nCONFIG_NEW=y\n# plain\nCONFIG_OLD=y";
    expect(parseFragment(text).map(({ optional }) => optional)).toEqual([true, false]);
  });

  test("that is no configuration is the user's mistake", () => {
    expect(() => parseFragment("MEMBARRIER=n")).toThrow(UsageError);
  });

  test("loses against a later one", () => {
    const merged = mergeFragments(["CONFIG_MEMBARRIER=y\nCONFIG_A=y", "CONFIG_MEMBARRIER=n"]);
    expect(formatOptions(merged)).toBe("CONFIG_A=y\nCONFIG_MEMBARRIER=n\n");
  });

  test("is the same for the cache however its lines are ordered", () => {
    const one = mergeFragments(["CONFIG_B=y\nCONFIG_A=y"]);
    expect(formatOptions(one)).toBe(formatOptions(mergeFragments(["CONFIG_A=y", "CONFIG_B=y"])));
  });
});

describe("a finished configuration", () => {
  const options = parseFragment("CONFIG_A=y\nCONFIG_N=n\nCONFIG_COUNT=16\n# optional: new\nCONFIG_NEW=y");

  test("is accepted when it is as asked, an unknown optional option aside", () => {
    expect(() => checkConfiguration(options, "CONFIG_A=y\nCONFIG_COUNT=16\n", "6.1")).not.toThrow();
  });

  test.each([
    ["an option that Kconfig dropped", "CONFIG_COUNT=16", "CONFIG_A=y (is n)"],
    ["an option that another one turned on", "CONFIG_A=y\nCONFIG_N=y\nCONFIG_COUNT=16", "CONFIG_N=n (is y)"],
    ["another number", "CONFIG_A=y\nCONFIG_COUNT=64", "CONFIG_COUNT=16 (is 64)"],
  ])("is refused for %s, which is named", (_case, config, named) => {
    expect(() => checkConfiguration(options, config, "6.1")).toThrow(InfraError);
    expect(() => checkConfiguration(options, config, "6.1")).toThrow(named);
  });

  test("tells what it has instead", () => {
    expect(unmetOptions(options, "CONFIG_A=m\nCONFIG_COUNT=16")).toEqual([
      { name: "CONFIG_A", value: "y", optional: false, found: "m" },
      { name: "CONFIG_NEW", value: "y", optional: true, found: "n" },
    ]);
  });
});

test("no two fragments of the guest kernel ask for different values of one option", async () => {
  const values = new Map<string, string>();
  for (const { name, value } of (await readFragments(homeDir)).flatMap(parseFragment)) {
    expect([name, values.get(name) ?? value]).toEqual([name, value]);
    values.set(name, value);
  }
});
