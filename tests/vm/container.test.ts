import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InfraError, runContainer, UsageError, type Vm } from "../../src/index.ts";
import { bootVm } from "./vm.ts";

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
      args: ["sh", "-c", "ulimit -n; sleep 0 & sleep 0 & sleep 0 & wait"],
      pidsLimit: 3,
      rlimits: { RLIMIT_NOFILE: { soft: 77, hard: 99 } },
      facts: true,
      within: "60s",
    });
    expect(run.stdout).toBe("77\n");
    expect(run.facts?.files["/sys/fs/cgroup/pids.max"]).toBe("3\n");
    expect(run.facts?.files["/sys/fs/cgroup/pids.events"]).toMatch(/^max [1-9]/);
    expect(run.facts?.status).toBeGreaterThan(0);
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
