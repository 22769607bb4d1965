import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { containerConfig } from "../../src/runtime/container.ts";
import {
  answerWith,
  errno,
  loggingDenials,
  parseSeccomp,
  provideSeccomp,
  type SeccompProfile,
  seccompNames,
} from "../../src/runtime/seccomp.ts";

const rulesFor = (profile: SeccompProfile | undefined, name: string) =>
  (profile?.syscalls ?? []).filter(({ names }) => names.includes(name));

describe("seccomp profiles", () => {
  test.each(seccompNames)("%s can be had by its name", async (name) => {
    const profile = await provideSeccomp(name);
    if (name === "unconfined") expect(profile).toBeUndefined();
    else expect(profile?.defaultAction).toBe("SCMP_ACT_ERRNO");
  });

  test.each([
    ["clone3-eperm", "clone3", errno.EPERM],
    ["clone3-enosys", "clone3", errno.ENOSYS],
    ["membarrier-eperm", "membarrier", errno.EPERM],
  ])("%s has one rule for %s, which answers %i", async (name, syscall, errnoRet) => {
    expect(rulesFor(await provideSeccomp(name), syscall)).toEqual([
      { names: [syscall], action: "SCMP_ACT_ERRNO", errnoRet },
    ]);
  });

  test("the default allows membarrier, and lists no call twice in a rule", async () => {
    const profile = await provideSeccomp("default");
    expect(rulesFor(profile, "membarrier")[0]?.action).toBe("SCMP_ACT_ALLOW");
    for (const { names } of profile?.syscalls ?? []) expect(new Set(names).size).toBe(names.length);
  });

  test("changing one answer leaves every other rule as it was", () => {
    const profile: SeccompProfile = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
        { names: ["write"], action: "SCMP_ACT_LOG" },
      ],
    };
    expect(answerWith(profile, "write", 1).syscalls).toEqual([
      { names: ["read"], action: "SCMP_ACT_ALLOW" },
      { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
    ]);
    expect(profile.syscalls).toHaveLength(2);
  });

  test("denials are logged once asked for, and asking twice is the same", () => {
    const once = loggingDenials({ defaultAction: "SCMP_ACT_ALLOW" });
    expect(once.flags).toEqual(["SECCOMP_FILTER_FLAG_LOG"]);
    expect(loggingDenials(once)).toEqual(once);
  });

  test.each([
    ["{", /no JSON/],
    ["{}", /OCI format, at defaultAction/],
    [
      `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW"}]}`,
      /syscalls\.0\.names/,
    ],
    [`{"defaultAction":"SCMP_ACT_MAYBE"}`, /defaultAction/],
  ])("%s is a usage error that says where", (text, message) => {
    expect(() => parseSeccomp(text, "x.json")).toThrow(UsageError);
    expect(() => parseSeccomp(text, "x.json")).toThrow(message);
  });

  test("an engine's own template is told apart from an OCI profile", () => {
    try {
      parseSeccomp(`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[]}`, "x.json");
      expect.unreachable();
    } catch (error) {
      expect((error as UsageError).next).toContain("template");
    }
  });

  test.each(["no-such", "./no/such/file.json"])("%s is a usage error", async (name) => {
    await expect(provideSeccomp(name)).rejects.toThrow(UsageError);
  });
});

describe("an OCI bundle's configuration", () => {
  test("limits and profile are in it only when asked for", async () => {
    const bare = containerConfig("rootfs", { args: ["true"] });
    expect(bare).toMatchObject({ process: { args: ["true"], rlimits: [] }, root: { readonly: true } });
    expect(bare).not.toHaveProperty("linux.seccomp");
    expect(bare).toHaveProperty("linux.resources", {});
    const limited = containerConfig("rootfs", {
      args: ["true"],
      pidsLimit: 2,
      rlimits: [{ type: "RLIMIT_NPROC", soft: 2, hard: 2 }],
      seccomp: { defaultAction: "SCMP_ACT_ALLOW" },
    });
    expect(limited).toMatchObject({
      process: { rlimits: [{ type: "RLIMIT_NPROC", soft: 2, hard: 2 }] },
      linux: { resources: { pids: { limit: 2 } }, seccomp: { defaultAction: "SCMP_ACT_ALLOW" } },
    });
  });
});
