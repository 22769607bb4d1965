import { describe, expect } from "vitest";
import { DeadlineError, MachineFault } from "../../src/index.ts";
import { test } from "../../src/vitest/index.ts";
import { kernel } from "./vm.ts";

const machine = { kernel, node: "20.9.0", env: { FROM_THE_VM: "yes" } } as const;

describe("zx in the guest", () => {
  test("quotes what it is given, joins arrays, and tells what zx tells", machine, async ({ vm }) => {
    const odd = ["a b", "$HOME", "it's", '"', "\\", "*", "ü\n2", "; reboot"];
    const output = await vm.$`printf '%s\\0' ${odd}`;
    expect(output.stdout.split("\0").slice(0, -1)).toEqual(odd);
    expect(output).toMatchObject({ exitCode: 0, signal: null, ok: true });
    expect(await vm.$`echo ${"one line"}`.text()).toBe("one line\n");
    expect(await vm.$`printf 'a\nb\n'`.lines()).toEqual(["a", "b"]);
    expect(await vm.$`node -p 'JSON.stringify({ pid: 1 })'`.json()).toEqual({ pid: 1 });
  });

  test("fails with an error that a person can read, unless told not to", machine, async ({ vm }) => {
    const failing = vm.$({ quiet: true })`echo no luck >&2; exit 7`;
    await expect(failing).rejects.toMatchObject({ exitCode: 7, stderr: "no luck\n" });
    await expect(failing).rejects.toThrow(/no luck[\s\S]*exit code: 7/);
    await expect(failing).rejects.toThrow(/zx\.test\.ts/);
    const allowed = await vm.$`false`.nothrow().quiet();
    expect([allowed.ok, allowed.exitCode]).toEqual([false, 1]);
    // As in zx: an unset variable and a failure inside a pipe are failures.
    expect((await vm.$`echo $NOT_THERE`.nothrow().quiet()).ok).toBe(false);
    expect((await vm.$`false | cat`.nothrow().quiet()).ok).toBe(false);
  });

  test("has the guest's environment and folders, and nothing of the host's", machine, async ({ vm }) => {
    process.env.DSTATE_SECRET_OF_THE_HOST = "secret";
    expect(await vm.$`env`.text()).not.toContain("DSTATE_SECRET_OF_THE_HOST");
    expect(await vm.$`echo $FROM_THE_VM; pwd`.lines()).toEqual(["yes", "/root"]);
    expect(await vm.$({ cwd: "/tmp", env: { MORE: "1" } })`echo $FROM_THE_VM $MORE; pwd`.lines()).toEqual([
      "yes 1",
      "/tmp",
    ]);
  });

  test("reads input, and pipes from command to command inside of the guest", machine, async ({ vm }) => {
    expect(await vm.$({ input: "from the host" })`cat`.text()).toBe("from the host");
    const piped = await vm.$`printf 'b\na\n'`.pipe`sort`.pipe`cat - /proc/sys/kernel/hostname`;
    expect(piped.stdout).toMatch(/^a\nb\ndstate/);
    const first = vm.$`true`;
    expect(() => first.pipe("/tmp/on-the-host")).toThrow(/another one/);
    await first;
  });

  test("ends by a signal, zx's time-out or the caller's abort", machine, async ({ vm }) => {
    const sleeping = vm.$`sleep 100 & sleep 100; wait`.nothrow();
    const job = await sleeping.job;
    await expect.poll(async () => (await job.processes()).length, { timeout: 20_000 }).toBe(3);
    await sleeping.kill("SIGKILL");
    expect((await sleeping).signal).toBe("SIGKILL");
    expect((await vm.$`sleep 100`.timeout("1s").nothrow()).signal).toBe("SIGTERM");
    const controller = new AbortController();
    const aborted = vm.$({ signal: controller.signal })`sleep 100`;
    await aborted.job;
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    expect(await vm.$`pgrep -c sleep || true`.text()).not.toMatch(/^[2-9]/);
  });

  test(
    "never waits for ever, and never takes a machine that is gone for a result",
    machine,
    async ({ vm }) => {
      await expect(vm.$({ within: "1s" })`sleep 100`.nothrow()).rejects.toBeInstanceOf(DeadlineError);
      const waiting = vm.$`sleep 100`.nothrow();
      await waiting.job;
      await vm.$`echo c > /proc/sysrq-trigger`.nothrow().catch(() => {});
      await expect(waiting).rejects.toBeInstanceOf(MachineFault);
    },
  );

  test("hands over the job for dstate's own verdicts", machine, async ({ vm }) => {
    const running = vm.$`exec sleep 100`.nothrow();
    const job = await running.job;
    expect((await job.kill("SIGTERM", { within: "5s" })).state).toBe("reaped");
    expect((await running).signal).toBe("SIGTERM");
  });
});
