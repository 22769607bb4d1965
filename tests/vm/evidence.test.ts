import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { identify } from "../../src/base/owner.ts";
import {
  chooseCell,
  defineRepro,
  type Finding,
  provideParts,
  runTrial,
  type TrialContext,
  type TrialResult,
} from "../../src/index.ts";
import type { Wait } from "../../src/kernel-log/waits.ts";
import { testContext } from "../../src/vitest/test.ts";

/** Provokes the crash behind one of the kernel's own test points, from a job that nobody waits for. */
const crash = (point: string, cpu = 0): string =>
  `taskset -c ${cpu} sh -c 'echo ${point} > /sys/kernel/debug/provoke-crash/DIRECT' < /dev/null > /dev/null 2>&1 &`;

/**
 * One process holds a pipe's mutex for good: it faults on a page that nobody will ever fill (userfaultfd) in the
 * middle of a write. Another one writes too, and waits for it in D.
 */
const holdPipe = `
my $uffd = syscall(323, 0);
open(my $faults, "<&=", $uffd) or die "userfaultfd: $!";
my $page = syscall(9, 0, 4096, 3, 0x22, -1, 0);
my $api = pack("QQQ", 0xAA, 0, 0);
ioctl($faults, 0xc018aa3f, $api) or die "UFFDIO_API: $!";
my $range = pack("QQQQ", $page, 4096, 1, 0);
ioctl($faults, 0xc020aa00, $range) or die "UFFDIO_REGISTER: $!";
pipe(my $out, my $in);
my $fd = fileno($in);
if (fork) { $0 = "holder"; syscall(1, $fd, $page, 100); }
else { $0 = "waiter"; sleep 1; syswrite($in, "x"); }
`;

interface Run {
  readonly trial: TrialResult;
  readonly pid: number;
  readonly files: readonly string[];
  text(name: string): Promise<string>;
}

/** One trial whose steps are given; it ends inconclusive when they return. */
async function run(
  steps: (context: TrialContext) => Promise<void>,
  options: { kernel?: string; memoryDump?: boolean; context?: Context } = {},
): Promise<Run> {
  const context = options.context ?? (await testContext(new AbortController().signal));
  let pid = 0;
  const repro = defineRepro<undefined>({
    id: "wedged",
    title: "a guest that is broken on purpose",
    upstream: ["https://www.kernel.org/"],
    axes: { kernel: ["6.1.115"] },
    cells: { bad: [{}], control: [{}] },
    deadline: "2m",
    trial: async (given) => {
      pid = given.vm.machine.pid;
      await steps(given);
      return undefined;
    },
    signature: () => false,
    healthy: () => false,
    summary: () => "it went to its end",
  });
  const cell = chooseCell(repro.axes, { kernel: options.kernel });
  const parts = await provideParts(repro, cell, context);
  const trial = await runTrial(repro, cell, parts, context, { memoryDump: options.memoryDump });
  return {
    trial,
    pid,
    files: await readdir(trial.evidence),
    text: async (name) => await readFile(join(trial.evidence, name), "utf8"),
  };
}

const wedge = async ({ vm, signal }: TrialContext): Promise<void> => {
  // What a kernel says about an NMI stays in its memory while interrupts are off, but for a panic.
  const panic = "echo 1 > /proc/sys/kernel/unknown_nmi_panic";
  await vm.guest
    .quick(`${panic}; ${crash("HARDLOCKUP", 1)} ${crash("HARDLOCKUP", 0)}`, { within: "5s", signal })
    .catch(() => {});
  await vm.guest.exec("true", { within: "2s", signal });
};

function failures(trial: TrialResult): string[] {
  return trial.collected.filter(({ error }) => error !== undefined).map(({ what }) => what);
}

describe("the evidence of a trial", () => {
  test("whose guest answers nothing any more has the CPUs, the console, its findings and the memory", async () => {
    const { trial, pid, files, text } = await run(wedge, { memoryDump: true });
    expect(trial.outcome, trial.summary).toBe("inconclusive");
    expect(files).toEqual(
      expect.arrayContaining([
        ...["console.log", "evidence.json", "findings.json", "last-screen.txt", "nmi.txt", "registers.txt"],
        ...["trial.json", "guest-memory.kdump-zlib"],
      ]),
    );
    const registers = await text("registers.txt");
    for (const cpu of [0, 1]) {
      expect(registers).toMatch(
        new RegExp(`^CPU ${cpu}: in the kernel, interrupts off, lkdtm_HARDLOCKUP\\+0x`, "m"),
      );
    }
    expect(registers).toMatch(/^ {2}\? lkdtm_do_action|^ {2}\? direct_entry/m);
    const nmi = await text("nmi.txt");
    expect(nmi).toContain("Kernel panic - not syncing: NMI: Not continuing");
    expect(nmi).toContain("lkdtm_HARDLOCKUP");
    // The panic that dstate itself provoked is no finding.
    expect(JSON.parse(await text("findings.json"))).toEqual([]);
    expect(await text("last-screen.txt")).toContain("lkdtm: Performing direct entry HARDLOCKUP");
    expect(failures(trial)).toEqual(["kernel log", "sysrq w t l d m"]);
    expect(JSON.parse(await text("trial.json")).collected).toEqual(trial.collected);
    // Not by its name: by what is in it. QEMU writes makedumpfile's flattened form of a kdump file.
    await using file = await open(join(trial.evidence, "guest-memory.kdump-zlib"));
    const head = Buffer.alloc(4096 + 16 + 8);
    await file.read(head, 0, head.length, 0);
    expect(head.subarray(0, 12).toString()).toBe("makedumpfile");
    expect(head.subarray(4096 + 16).toString()).toBe("KDUMP   ");
    expect(identify(pid)).toBeUndefined();
  });

  test("whose guest still answers has its logs, and what the kernel says of every task", async () => {
    const { trial, text } = await run(async ({ vm, signal }) => {
      const mark = vm.machine.console.mark;
      await vm.guest.quick(crash("HUNG_TASK"), { within: "5s", signal });
      await vm.machine.console.waitForLine("the hung task", (line) => line.includes("HUNG_TASK"), {
        within: "10s",
        from: mark,
        signal,
      });
    });
    expect(trial.outcome, trial.summary).toBe("inconclusive");
    expect(failures(trial)).toEqual([]);
    expect(await text("dmesg.txt")).toContain("Linux version 6.1.115");
    // What a program said, and not only the kernel.
    expect(await text("journal.txt")).toContain("systemd-journald[");
    const sysrq = await text("sysrq.txt");
    for (const said of [
      "Show Blocked State",
      "Show State",
      "Show backtrace of all active CPUs",
      "Mem-Info",
    ]) {
      expect(sysrq).toContain(said);
    }
    const blocked: { tasks: Finding[] } = JSON.parse(await text("blocked.json"));
    expect(blocked.tasks).toMatchObject([{ kind: "task-stack", task: "sh", guilty: "direct_entry" }]);
    expect(trial.collected.some(({ what }) => what === "NMI")).toBe(false);
  });

  test("whose kernel knows who holds a lock tells who waits for whom", async () => {
    const { trial, text } = await run(
      async ({ vm, signal }) => {
        const mark = vm.machine.console.mark;
        await vm.guest.exec("cat > /run/hold.pl", { input: holdPipe, within: "20s", signal });
        await vm.guest.quick("perl /run/hold.pl > /dev/null 2>&1 &", { within: "5s", signal });
        await vm.machine.console.waitForLine("the owner", (line) => line.includes("likely owned by"), {
          within: "60s",
          from: mark,
          signal,
        });
      },
      // Since Linux 6.16, with CONFIG_DETECT_HUNG_TASK_BLOCKER.
      { kernel: "deb:7.2" },
    );
    expect(trial.outcome, trial.summary).toBe("inconclusive");
    const { chains, waits }: { chains: string[]; waits: Wait[] } = JSON.parse(await text("blocked.json"));
    expect(waits).toMatchObject([
      { waiter: { comm: "waiter" }, lock: "mutex", owner: { comm: "holder" }, source: "hung-task" },
    ]);
    expect(chains).toEqual([expect.stringMatching(/^waiter:\d+ waits for holder:\d+ \(mutex\)$/)]);
  });

  test("whose kernel panicked has the panic among its findings, and where each CPU stands", async () => {
    const { trial, text } = await run(async ({ vm, signal }) => {
      await vm.guest.exec("echo c > /proc/sysrq-trigger; sleep 1000", { within: "30s", signal });
    });
    expect(trial.outcome, trial.summary).toBe("inconclusive");
    const findings: Finding[] = JSON.parse(await text("findings.json"));
    expect(findings.map(({ title }) => title)).toEqual(["kernel panic: sysrq triggered crash"]);
    expect(await text("registers.txt")).toMatch(/^CPU 0: in the kernel/m);
    expect(failures(trial)).toEqual(["sysrq w t l d m"]);
  });

  test("whose QEMU was killed has the console and its findings", async () => {
    const { trial, files } = await run(async ({ vm, signal }) => {
      const waiting = vm.guest.exec("sleep 1000", { within: "60s", signal });
      process.kill(vm.machine.pid, "SIGKILL");
      await waiting;
    });
    expect(trial.outcome, trial.summary).toBe("infra-error");
    expect(files).toEqual(
      expect.arrayContaining(["console.log", "findings.json", "last-screen.txt", "trial.json"]),
    );
  });

  test("whose QEMU stands still is collected to its end, with a sentence for what was not to be had", async () => {
    const { trial, pid, files } = await run(async ({ vm, signal }) => {
      process.kill(vm.machine.pid, "SIGSTOP");
      await vm.guest.exec("true", { within: "1s", signal });
    });
    expect(trial.outcome, trial.summary).toBe("inconclusive");
    expect(trial.collected).toMatchObject([
      { what: "registers", error: expect.stringContaining("in vain") },
      { what: "findings from the console", file: "findings.json" },
      { what: "unfinished commands", file: "unfinished-commands.txt" },
      { what: "last screen", file: "last-screen.txt" },
    ]);
    expect(files).toContain("findings.json");
    expect(identify(pid)).toBeUndefined();
  });

  test("is no longer collected once the user interrupts, and no machine is left", async () => {
    const controller = new AbortController();
    const quiet = await testContext(controller.signal);
    let seen = 0;
    const context: Context = {
      ...quiet,
      progress: (event) => {
        if (event.type !== "update" || !event.detail?.startsWith("collecting: kernel log")) return;
        controller.abort(new Error("enough"));
      },
    };
    await expect(
      run(
        async (given) => {
          seen = given.vm.machine.pid;
          await wedge(given);
        },
        { context },
      ),
    ).rejects.toThrow("enough");
    expect(identify(seen)).toBeUndefined();
  });
});
