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

  test.each(["disk", "tmpfs"] as const)(
    "has a real overlayfs as its root where that is asked for, with what it writes on %s, and leaves the guest as it was",
    async (upper) => {
      const script = `
        stat -f -c %T / /tmp; grep -o "^overlay / overlay rw" /proc/mounts
        df --output=size / | tail -1; echo mark > /etc/mark && cat /etc/mark && rm /etc/hostname && [ ! -e /etc/hostname ] && echo written`;
      const run = await runContainer(vm.guest, {
        // Root, so that the files of the guest's root are its own; without capabilities all the same.
        args: ["sh", "-c", script],
        uid: 0,
        root: "overlay",
        upper,
        within: "60s",
      });
      expect(run.stderr).toBe("");
      // An overlay is as large as the file system that it writes to.
      const place = upper === "disk" ? "/" : "/run";
      const size = await vm.guest.exec(["sh", "-c", `df --output=size ${place} | tail -1`]);
      expect(run.stdout).toBe(`overlayfs\noverlayfs\noverlay / overlay rw\n${size.stdout}mark\nwritten\n`);
      expect((await vm.guest.exec("cat /etc/hostname; ls /etc/mark 2>&1 || true")).stdout).toMatch(
        /^\S+\nls: .*No such file/,
      );
      const left = "ls /run/dstate/containers /var/lib/dstate/containers 2>/dev/null | grep dstate- || true";
      expect((await vm.guest.exec(left)).stdout).toBe("");
      expect((await vm.guest.exec("grep -c dstate/containers /proc/mounts || true")).stdout).toBe("0\n");
    },
  );

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
