import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { parseRegistryReference } from "../base/registry-address.ts";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { formatBytes } from "../base/size.ts";
import { oneLine } from "../base/text.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { openTries } from "../campaign/tries.ts";
import { chooseCell } from "../lab/cell.ts";
import { pullPack } from "../pack/in-registry.ts";
import { hostFiles, installRepro, knownRepro } from "../pack/install.ts";
import { verifyBytes } from "../pack/minisign.ts";
import { differencesFrom, kernelFor } from "../pack/rebuild.ts";
import { type Pack, readPack } from "../pack/unpack.ts";
import { shellLine } from "../record/run.ts";
import { renderTable } from "../report/table.ts";
import { renderTrials } from "../report/trials.ts";
import type { FoundRepro } from "../repro/find.ts";
import { exitCodeOf, worstOutcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface RerunOptions extends ReportOptions {
  readonly trials: number;
  readonly kernel?: string;
  readonly trust?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `dstate rerun`: run a packed trial again, and say what is another than it was. */
export function addRerun(program: Command, session: Session): void {
  const command = program
    .command("rerun <file>")
    .description("run a packed run again on this host, a file or one of a registry, and say what differs")
    .option("--trials <n>", "how often; stops at the first reproduction", positiveInteger, 1)
    .option("--kernel <selector>", "in place of a kernel that cannot be rebuilt here")
    .option("--trust <key>", "a public key of minisign, or its file: refuse what it has not signed")
    .option("--yes", "run the pack's code on this host without asking")
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "A packed repro is somebody else's code, and its modules run on this host with your rights. They are listed, and nothing of them is loaded before you say yes. Code that this dstate has itself, to the last byte, is not asked about.",
    ],
    examples: [
      "dstate rerun io-uring-dstate-0123456789ab.dstate",
      "dstate rerun io-uring-dstate-0123456789ab.dstate --trust author.pub",
      "dstate rerun oci://ghcr.io/me/cache:pack.io-uring-dstate-0123456789ab",
    ],
  }).action(async (named: string, options: RerunOptions) => {
    const context = await session.context();
    const path = named.startsWith("oci://")
      ? await pullPack(parseRegistryReference(named, context.settings), context)
      : named;
    // Before a byte of it is read as anything.
    await checkSignature(path, options.trust, session);
    const pack = await readPack(resolve(path));
    const kernel = kernelFor(pack.manifest, options.kernel);
    const found = (await knownRepro(pack)) ?? (await askAndInstall(pack, path, options, session, context));
    const { cell: packed } = pack.manifest.trial;
    const cell = chooseCell(
      found.repro.axes,
      { kernel, node: packed.node, env: packed.env, image: imageOf(packed.image), axes: packed.axes },
      context.settings,
    );
    using ledger = await Ledger.open(context);
    const definition = await definitionOf(found);
    const { trials, record } = await recorded(reproRun("rerun", found), options, context, async (run) => {
      const tries = await openTries({ repro: found.repro, definition, ranBy: "run", run }, ledger, context);
      const ended: TrialResult[] = [];
      while (ended.length < options.trials && ended.at(-1)?.outcome !== "reproduced")
        ended.push(await tries.run(cell));
      return { trials: ended, record: run.record };
    });
    const last = record.trials.at(-1);
    const differences = last
      ? differencesFrom(pack.manifest, {
          trial: last,
          parts: last.parts === undefined ? undefined : record.parts[last.parts],
          host: record.host,
          dstate: record.dstate.version,
          outcomes: trials.map(({ outcome }) => outcome),
        })
      : [];
    const outcome = worstOutcome(trials.map((trial) => trial.outcome));
    const same = outcome === pack.manifest.trial.outcome;
    const exitCode = exitCodeOf(outcome);
    session.result(
      "rerun",
      { pack: pack.id, outcome, exitCode, same, differences, trials },
      {
        json: options.json,
        text: () =>
          [
            renderTrials(trials, { width: session.width }),
            "",
            ratesText(pack),
            same
              ? `Now ${outcome}, as it was.`
              : `Now ${outcome}; it was ${pack.manifest.trial.outcome ?? "unfinished"}.`,
            differences.length === 0
              ? "Nothing else differs."
              : renderTable(
                  ["what differs", "before", "now"],
                  differences.map(({ what, before, now }) => [what, before, now]),
                  { width: session.width },
                ),
          ].join("\n"),
      },
    );
    process.exitCode = exitCode;
  });
}

function ratesText({ manifest }: Pack): string {
  const rates = manifest.rates.map(
    ({ title, outcomes }) =>
      `  ${oneLine(title)}: ${Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(", ")}`,
  );
  return [`Packed from a run of ${manifest.startedAt.slice(0, 10)}:`, ...rates].join("\n");
}

async function checkSignature(path: string, trust: string | undefined, session: Session): Promise<void> {
  const signature = await readFile(`${path}.minisig`, "utf8").catch(() => undefined);
  if (trust === undefined) {
    if (signature !== undefined)
      session.say("There is a signature, which was not checked: --trust KEY says whose is trusted.");
    return;
  }
  if (signature === undefined)
    throw new UsageError(`${path} is not signed: there is no ${path}.minisig`, {
      next: "Without --trust it is run unsigned.",
    });
  const key = await readFile(trust, "utf8").catch(() => trust);
  session.say(`signature good: ${oneLine(verifyBytes(await readPacked(path), signature, key))}`);
}

async function readPacked(path: string): Promise<Buffer> {
  return await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`there is no file ${path} that can be read`, { cause });
  });
}

/** @throws {UsageError} when the user does not want its code to run here. */
async function askAndInstall(
  pack: Pack,
  path: string,
  options: RerunOptions,
  session: Session,
  context: Context,
): Promise<FoundRepro> {
  const files = hostFiles(pack);
  const code = files.filter((file) => file.code);
  session.say(
    [
      `This pack brings code of somebody else's (pack ${pack.id.slice(0, 16)}).`,
      "These modules run on this host, with all your rights:",
      ...code.map(
        ({ path, bytes, sha256 }) =>
          `  ${oneLine(path)} (${formatBytes(bytes)}, sha256 ${sha256.slice(0, 16)})`,
      ),
      `${files.length - code.length} more files go into the guest, which cannot reach beyond its machine.`,
      `Read them first: ${shellLine(["tar", "-xzOf", path, `repro/${pack.manifest.definition}`])}`,
    ].join("\n"),
  );
  if (options.yes !== true) await askToRun(context);
  return await installRepro(pack, context);
}

async function askToRun(context: Context): Promise<void> {
  if (!process.stdin.isTTY)
    throw new UsageError("nobody can be asked here whether its code may run on this host", {
      next: "Look at it, then say --yes.",
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question("Run it? [y/N] ", { signal: context.signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError("not run: you said no");
  } finally {
    terminal.close();
  }
}

/** @throws {UsageError} for a guest system that this dstate does not have. */
function imageOf(image: string): ImageKind {
  const known = imageKinds.find((kind) => kind === image);
  if (known !== undefined) return known;
  throw new UsageError(`its guest system cannot be rebuilt here: this dstate has no ${oneLine(image)}`);
}
