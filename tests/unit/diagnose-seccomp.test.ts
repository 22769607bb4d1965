import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { UsageError } from "../../src/base/errors.ts";
import { readSettings } from "../../src/base/settings.ts";
import { containerConfig } from "../../src/diagnose/bundle.ts";
import {
  answerWith,
  checkSeccomp,
  errno,
  loggingDenials,
  parseSeccomp,
  provideSeccomp,
  type SeccompProfile,
  seccompNames,
} from "../../src/diagnose/seccomp.ts";

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

  test("a name that is no system call is told, for the runtime would pass over it in silence", async () => {
    const notes: string[] = [];
    const context: Context = {
      settings: readSettings({}),
      progress: (event) => void (event.type === "note" && notes.push(event.text)),
      signal: AbortSignal.timeout(10_000),
    };
    const folder = await mkdtemp(join(tmpdir(), "dstate-seccomp-"));
    const file = join(folder, "profile.json");
    const names = ["clone3", "clone_3"];
    const syscalls = [{ names, action: "SCMP_ACT_ALLOW" }];
    await writeFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls }));
    await checkSeccomp(file, context);
    expect(notes).toEqual([expect.stringMatching(/no system call to this host: clone_3\./)]);
    await checkSeccomp("default", context);
    expect(notes).toHaveLength(1);
    await rm(folder, { recursive: true });
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
    ["", /no JSON/],
    ["[]", /OCI format, at its top level/],
    ["null", /OCI format, at its top level/],
    [`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}`, /at syscalls/],
    [`{"defaultAction":"SCMP_ACT_ALLOW","sycalls":[]}`, /sycalls/],
    [`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":"EPERM"}`, /at defaultErrnoRet/],
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

  test("an engine's own profile becomes what that engine makes of it, without capabilities on x86-64", () => {
    const call = (name: string, more: object = {}): object => ({
      names: [name],
      action: "SCMP_ACT_ALLOW",
      args: [],
      comment: "",
      includes: {},
      excludes: {},
      ...more,
    });
    const engine = {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      archMap: [
        { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
        { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      ],
      syscalls: [
        call("read"),
        call("bpf", { includes: { caps: ["CAP_SYS_ADMIN"] } }),
        call("clone3", {
          action: "SCMP_ACT_ERRNO",
          errnoRet: 38,
          excludes: { caps: ["CAP_SYS_ADMIN"] },
        }),
        call("clone", {
          args: [{ index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ" }],
          excludes: { arches: ["s390"] },
        }),
        call("arch_prctl", { includes: { arches: ["amd64", "x32"] } }),
        call("set_tls", { includes: { arches: ["arm"] } }),
        call("ptrace", { args: null, includes: { minKernel: "4.8" } }),
      ],
    };
    const allow = (name: string) => ({ names: [name], action: "SCMP_ACT_ALLOW" });
    expect(parseSeccomp(JSON.stringify(engine), "x.json")).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [
        allow("read"),
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
        { ...allow("clone"), args: [{ index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ" }] },
        allow("arch_prctl"),
        allow("ptrace"),
      ],
    });
  });

  test("a mistake in an engine's profile is told with its place", () => {
    const text = `{"defaultAction":"SCMP_ACT_ERRNO","archMap":[],"syscalls":[{"names":["a"],"action":"NO"}]}`;
    expect(() => parseSeccomp(text, "x.json")).toThrow(/engine's format, at syscalls\.0\.action/);
  });

  test.each(["no-such", "./no/such/file.json", "./tests"])("%s is a usage error", async (name) => {
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
      rlimits: { RLIMIT_NPROC: 2, RLIMIT_AS: { soft: 1, hard: 3 } },
      seccomp: { defaultAction: "SCMP_ACT_ALLOW" },
    });
    expect(limited).toMatchObject({
      process: {
        rlimits: [
          { type: "RLIMIT_NPROC", soft: 2, hard: 2 },
          { type: "RLIMIT_AS", soft: 1, hard: 3 },
        ],
      },
      linux: { resources: { pids: { limit: 2 } }, seccomp: { defaultAction: "SCMP_ACT_ALLOW" } },
    });
  });
});
