import { resolve } from "node:path";
import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { auditTls, processObjects, type TlsAudit, type TlsFile } from "../diagnose/audit-tls.ts";
import { runTraced } from "../diagnose/run-traced.ts";
import { mappingCalls, tracedObjects } from "../diagnose/tls.ts";
import { chooseCell } from "../lab/cell.ts";
import { openVm } from "../lab/open.ts";
import { provideParts } from "../lab/provide.ts";
import { renderTls } from "../report/tls.ts";
import { findRepro } from "../repro/find.ts";
import { withNotes } from "./help.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface TlsCommandOptions extends CellOptions {
  readonly in?: string;
  readonly run?: string;
  readonly symbols: number;
  readonly json?: boolean;
}

/** `dstate tls`: who takes the static TLS block. */
export function addTls(program: Command, session: Session): void {
  const command = program
    .command("tls [target...]")
    .description(
      "thread-local storage of ELF files, or of every object in a process (by its pid), largest first",
    )
    .option("--in <repro>", "files and processes of a fresh machine of the repro's cell, not of this host")
    .option("--run <line>", "with --in: run this in /srv/work, and list what it mapped or tried to")
    .option("--symbols <n>", "how many variables of each object to show", positiveInteger, 5)
    .option("--json", "one JSON document on standard output");
  withNotes(addCellOptions(command), {
    about: [
      'A static object needs its place beside the program\'s own when it is loaded; glibc keeps about 1.6 KiB for such objects, and dlopen fails with "cannot allocate memory in static TLS block" when they are used up.',
    ],
    examples: [
      "dstate tls ./addon.node",
      "dstate tls 4242 --json",
      'dstate tls --in static-tls-exhaustion \\\n    --run "node load.cjs ./ie-4248.node"',
    ],
  }).action(async (targets: string[], options: TlsCommandOptions) => {
    checkUse(targets, options);
    const context = await session.context({ quiet: options.in === undefined });
    const audits =
      options.in === undefined
        ? await onHost(targets, context, session)
        : await inGuest(options.in, targets, options, context, session);
    const { symbols, json } = options;
    const text = (): string => renderTls(audits, { symbols, width: session.width });
    session.result("tls", { objects: audits }, { json, text });
  });
}

function checkUse(targets: readonly string[], options: TlsCommandOptions): void {
  if (targets.length === 0 && options.run === undefined) {
    throw new UsageError("there is nothing to look at", {
      next: "Give an ELF file or the pid of a process, or --in REPRO --run LINE.",
    });
  }
  if (options.in !== undefined) return;
  const alone = (["run", "kernel", "node", "env", "axis", "image", "cold"] as const).find(
    (name) => options[name] !== undefined,
  );
  if (alone !== undefined) {
    throw new UsageError(`--${alone} is about a machine, and none is asked for`, {
      next: "Say which with --in REPRO.",
    });
  }
}

async function onHost(
  targets: readonly string[],
  context: Context,
  session: Pick<Session, "say">,
): Promise<TlsAudit[]> {
  const files: TlsFile[] = [];
  for (const target of targets) {
    if (!isPid(target)) files.push(target);
    else {
      const { objects, gone } = await processObjects(Number(target));
      files.push(...objects);
      if (gone.length > 0) session.say(`not read, for they were deleted or replaced: ${gone.join(", ")}`);
    }
  }
  return await auditTls(files, context);
}

async function inGuest(
  name: string,
  targets: readonly string[],
  options: TlsCommandOptions,
  context: Context,
  session: Pick<Session, "say">,
): Promise<TlsAudit[]> {
  const { signal } = context;
  const { repro } = await findRepro(name);
  const cell = chooseCell(repro.axes, choiceOf(options), context.settings);
  const parts = await provideParts(repro, cell, context);
  await using vm = await openVm({ ...context, ...repro.machine, parts, cold: options.cold, name: "tls" });
  const audits: TlsAudit[] = [];
  const files = targets.filter((target) => !isPid(target)).map((path) => resolve("/srv/work", path));
  if (files.length > 0) audits.push(...(await vm.tls({ files }, { signal })));
  for (const pid of targets.filter(isPid)) audits.push(...(await vm.tls({ pid: Number(pid) }, { signal })));
  if (options.run !== undefined) {
    const run = await runTraced(vm.guest, ["sh", "-c", options.run], {
      trace: { calls: mappingCalls, paths: true },
      within: repro.deadline,
      cwd: "/srv/work",
      env: cell.env,
      signal,
    });
    session.say(`${options.run}: ${run.signal ?? `exit code ${run.exitCode}`}\n${run.stderr.trim()}`.trim());
    const mapped = tracedObjects(run.trace.events);
    audits.push(...(await vm.tls({ files: mapped, others: "skip" }, { signal })));
  }
  const once = new Map(audits.map((audit) => [audit.object, audit]));
  return [...once.values()].sort((a, b) => b.bytes - a.bytes);
}

const isPid = (target: string): boolean => /^\d+$/.test(target);
