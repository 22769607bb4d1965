import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InfraError, runContainer, UsageError, type Vm } from "../../src/index.ts";
import { bootVm } from "./vm.ts";

/** Say the limit of open files, then start children that stay, and end with 3 when one is refused. */
const forks = `
open my $limits, "<", "/proc/self/limits"; print grep { /open files/ } <$limits>;
for (1 .. 3) { my $pid = fork; exit 3 unless defined $pid; next if $pid; sleep 60; exit; }
`;

let vm: Vm;
beforeAll(async () => {
  vm = await bootVm();
});
afterAll(async () => {
  await vm?.[Symbol.asyncDispose]();
});

describe("a container in the guest", () => {
  test("has the limits it was given, and tells at its end what they refused", async () => {
    const run = await runContainer(vm.guest, {
      // Not sh: where that is bash, as on NixOS, it waits and tries a refused fork again, and succeeds.
      args: ["perl", "-e", forks],
      pidsLimit: 3,
      rlimits: { RLIMIT_NOFILE: { soft: 77, hard: 99 } },
      facts: true,
      within: "60s",
    });
    expect(run.stdout).toMatch(/^Max open files +77 +99 /);
    expect(run.facts?.files["/sys/fs/cgroup/pids.max"]).toBe("3\n");
    expect(run.facts?.files["/sys/fs/cgroup/pids.events"]).toMatch(/^max [1-9]/);
    expect(run.facts?.status).toBe(3);
  });

  test("is answered by its seccomp profile, and strace sees the answer", async () => {
    const run = await runContainer(vm.guest, {
      args: ["mkdir", "/tmp/new"],
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
      },
      trace: { calls: ["mkdir"], only: "failed" },
      within: "60s",
    });
    expect(run.exitCode).toBe(1);
    expect(run.trace?.events.at(-1)).toMatchObject({ call: "mkdir", errno: "ENOSYS" });
  });

  test("cannot write to its root, and leaves nothing behind", async () => {
    const run = await runContainer(vm.guest, { args: ["touch", "/etc/mark"], within: "60s" });
    expect(run.stderr).toContain("Read-only file system");
    expect((await vm.guest.exec("ls /run/dstate/containers")).stdout).toBe("");
    expect((await vm.guest.exec("grep -c dstate/containers /proc/mounts || true")).stdout).toBe("0\n");
  });

  test("that crun cannot start is no result", async () => {
    const seccomp = { defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_NONE"] } as const;
    const options = { args: ["true"], facts: true, within: "60s" } as const;
    const refused = runContainer(vm.guest, {
      ...options,
      seccomp: { ...seccomp, flags: [...seccomp.flags] },
    });
    await expect(refused).rejects.toThrow(InfraError);
    await expect(refused).rejects.toThrow(/crun could not start the container: .*SECCOMP_FILTER_FLAG_NONE/);
    await expect(runContainer(vm.guest, { ...options, seccomp: "no-such" })).rejects.toThrow(UsageError);
  });
});
