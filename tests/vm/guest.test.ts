import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandFailed, DeadlineError, hasOnStack, type Vm } from "../../src/index.ts";
import { bootVm } from "./vm.ts";

let vm: Vm;
beforeAll(async () => {
  vm = await bootVm();
});
afterAll(async () => {
  await vm?.[Symbol.asyncDispose]();
});

describe("exec", () => {
  test("keeps standard output, standard error and the exit code apart", async () => {
    const result = await vm.guest.exec("echo out; echo err >&2; exit 3", { allowFailure: true });
    expect(result).toEqual({ stdout: "out\n", stderr: "err\n", exitCode: 3, signal: null, truncated: false });
  });

  test("tells the signal that ended a command", async () => {
    expect(await vm.guest.exec("kill -SEGV $$", { allowFailure: true })).toMatchObject({
      exitCode: null,
      signal: "SIGSEGV",
    });
  });

  test("throws on a failing command, with what it said", async () => {
    await expect(vm.guest.exec("echo no >&2; exit 1")).rejects.toThrow(CommandFailed);
  });

  test("passes arguments, environment and input as they are", async () => {
    const odd = `it's "$HOME" \`id\` \\ *`;
    const { stdout } = await vm.guest.exec(["sh", "-c", 'printf "%s|%s|" "$1" "$NAME"; cat', "sh", odd], {
      env: { NAME: odd },
      input: odd,
    });
    expect(stdout).toBe(`${odd}|${odd}|${odd}`);
  });

  test("ends at its deadline while the command goes on", async () => {
    await expect(vm.guest.exec("sleep 1000", { within: "1s" })).rejects.toThrow(DeadlineError);
  });

  test("ends when the caller's signal aborts", async () => {
    const controller = new AbortController();
    const running = vm.guest.exec("sleep 1000", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
  });

  test("keeps a bounded part of endless output", async () => {
    const result = await vm.guest.exec("head -c 20000000 /dev/zero | tr '\\0' x", { within: "60s" });
    expect(result.truncated).toBe(true);
    expect(result.stdout.length).toBe(16 * 1024 * 1024);
  });
});

describe("spawn", () => {
  test("gives output as it comes and the exit at the end", async () => {
    const pieces: string[] = [];
    const job = await vm.guest.spawn("echo one; echo two >&2; exit 4", {
      onOutput: (stream, text) => pieces.push(`${stream} ${text}`),
    });
    expect(await job.untilExitOrStall({ deadline: "20s" })).toMatchObject({
      type: "exit",
      exit: { exitCode: 4 },
    });
    expect(pieces.sort()).toEqual(["stderr two\n", "stdout one\n"]);
  });

  test("shows every thread of the job with its state and its kernel stack", async () => {
    const job = await vm.guest.spawn(["node", "-e", "setTimeout(() => {}, 1e6)"]);
    await expect
      .poll(async () => (await job.processes())[0]?.threads.length, { timeout: 30_000 })
      .toBeGreaterThan(5);
    const [node] = await job.processes();
    expect(node).toMatchObject({ pid: job.pid, comm: "node" });
    expect(
      node?.threads.some((thread) => thread.stack.some((frame) => /epoll|ep_poll/.test(frame.function))),
    ).toBe(true);
    expect((await job.kill("SIGKILL", { within: "5s" })).state).toBe("reaped");
  });

  test("an idle job is stalled after its quiet time, and a busy one is not", async () => {
    const idle = await vm.guest.spawn("read line < /dev/ttyS0 || sleep infinity & wait");
    const busy = await vm.guest.spawn("while :; do :; done");
    expect((await idle.untilExitOrStall({ deadline: "60s", quiet: "4s" })).type).toBe("stall");
    expect((await busy.untilExitOrStall({ deadline: "8s", quiet: "4s" })).type).toBe("deadline");
    for (const job of [idle, busy])
      expect((await job.kill("SIGKILL", { within: "5s" })).state).toBe("reaped");
  });

  test("a signal that is ignored leaves a running job, and SIGKILL ends it with all its children", async () => {
    const job = await vm.guest.spawn("trap '' TERM; echo armed; while :; do sleep 1000; done");
    await expect.poll(() => job.stdout.text).toBe("armed\n");
    expect((await job.kill("SIGTERM", { within: "1s" })).state).toBe("running");
    const verdict = await job.kill("SIGKILL", { within: "5s" });
    expect(verdict.state).toBe("reaped");
  });

  test("a thread that the kernel holds in uninterruptible sleep is told as D with its stack", async () => {
    // A frozen file system blocks its writers in D until it is thawed.
    await vm.guest.exec(
      "truncate -s 64M /tmp/fs && mke2fs -q -t ext4 /tmp/fs && mkdir -p /mnt && mount -o loop /tmp/fs /mnt && fsfreeze -f /mnt",
    );
    const writer = await vm.guest.spawn(["touch", "/mnt/file"]);
    await expect.poll(async () => (await writer.processes())[0]?.state).toBe("D");
    const verdict = await writer.kill("SIGKILL", { within: "2s" });
    expect(verdict.state).toBe("D");
    expect(verdict.threads[0]).toMatchObject({ comm: "touch", state: "D" });
    expect(hasOnStack(verdict.threads, /percpu_rwsem_wait|__percpu_down_read|mnt_want_write/)).toBe(true);
    await vm.guest.exec("fsfreeze -u /mnt");
    expect((await writer.kill("SIGKILL", { within: "5s" })).state).toBe("reaped");
  });
});
