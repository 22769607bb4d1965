import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { type Duration, isDuration } from "../base/duration.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import { imageKinds } from "../base/settings.ts";
import { isSize, type Size } from "../base/size.ts";
import { sanitize } from "../base/text.ts";
import { execInCells } from "../campaign/exec/cells.ts";
import { worstOf } from "../campaign/exec/outcome.ts";
import { Ledger } from "../campaign/ledger.ts";
import { splitSelectors } from "../campaign/matrix/cells.ts";
import { expandRanges } from "../campaign/matrix/expand.ts";
import { defaultJobs, hostRoom } from "../campaign/pool.ts";
import { checkName } from "../guest/take.ts";
import { changeKernel } from "../kernel/selector.ts";
import { shapeOf } from "../lab/shape.ts";
import { renderExec } from "../report/exec.ts";
import { gitBisectOption } from "./git-bisect.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption } from "./recording.ts";
import { addCellOptions, type CellOptions, changesOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface ExecOptions extends Omit<CellOptions, "axis">, ReportOptions {
  readonly copy?: string;
  readonly take?: readonly string[];
  readonly out?: string;
  readonly within: Duration;
  readonly jobs?: number;
  readonly cpus?: number;
  readonly memory?: Size;
  readonly network?: boolean;
  readonly json?: boolean;
  readonly npm?: string;
}

const codes = { green: exitCode.clean, red: exitCode.reproduced, "infra-error": exitCode.infraError };

/** `dstate exec`: any command on any kernels. */
export function addExec(program: Command, session: Session): void {
  const command = program
    .command("exec")
    .description("run a command on each of some kernels, and say how it ended and what the kernel said")
    .argument("<command...>", "after `--`: the command and its arguments, run as root in the guest")
    .option("--copy <folder>", "a folder of this host: the guest finds a copy of it at /srv/work")
    .option("--take <list>", "files and folders below /srv/work to bring back, separated by commas", names)
    .option("--out <folder>", "where they are brought, a folder for each kernel (default: dstate-out)")
    .option("--npm <version>", "npm release; default, where the command names npm: one that runs on the Node")
    .option("--within <duration>", "how long the command may take, such as 90s or 20m", duration, "10m")
    .option("--jobs <n>", "machines side by side; default from processors and memory", positiveInteger)
    .option("--cpus <n>", "processors of each machine", positiveInteger)
    .option("--memory <size>", "memory of each machine, such as 2GiB", size)
    .option("--network", "let the guest reach beyond the machine")
    .addOption(gitBisectOption())
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output; the command's output goes to standard error");
  withNotes(addCellOptions(command, { several: true }), {
    about: [
      "Exit codes: 0 the command ended with 0 on every kernel, the kernel said nothing worse than a notice and the machine powered off; 1 otherwise; 70 our side failed somewhere.",
    ],
    examples: [
      "dstate exec --kernel 6.1.129,deb:7.2 --node 24 --copy . -- npm test",
      "dstate exec --kernel 6.1.129 --copy . --take junit.xml -- node --test",
    ],
  }).action(async (argv: readonly string[], options: ExecOptions) => {
    const [program, ...rest] = argv;
    if (program === undefined)
      throw new UsageError("there is no command", {
        next: "Write it after --: dstate exec ... -- npm test",
      });
    const asked = splitSelectors(options.kernel ?? "");
    if (asked.length === 0)
      throw new UsageError("no kernel is named", {
        next: "Name one or several: --kernel 6.1.129,deb:7.2. `dstate kernels` lists what there is.",
      });
    if (options.out !== undefined && options.take === undefined)
      throw new UsageError("--out says where results go, and none are named", {
        next: "Name them with --take, such as --take junit.xml,coverage.",
      });
    const context = await session.context();
    const env = options.env ?? {};
    const image = options.image ?? context.settings.image ?? imageKinds[0];
    const cell = { kernel: "", node: options.node, env, image, axes: {} };
    const kernels = await expandRanges("kernel", asked, cell, context);
    const [first, ...others] = kernels.map((kernel) => changeKernel(kernel, changesOf(options)));
    if (first === undefined) throw new UsageError(`there is no kernel ${options.kernel}`);
    const shape = { cpus: options.cpus, memory: options.memory };
    const lines = new LineWriter(session, { json: options.json === true });
    const about = { kind: "exec", about: "exec", title: `$ ${argv.join(" ")}` };
    using ledger = await Ledger.open(context);
    const cells = await recorded(
      about,
      options,
      context,
      async (run) =>
        await execInCells(
          {
            argv: [program, ...rest],
            env,
            within: options.within,
            network: options.network === true ? "user" : "isolated",
            cold: options.cold === true,
            ...shape,
            take: options.take && { names: options.take, to: resolve(options.out ?? "dstate-out") },
            onOutput: (kernel, stream, text) => lines.add(kernel, stream, text),
          },
          {
            kernels: [first, ...others],
            node: options.node,
            npm: options.npm,
            image,
            copy: options.copy === undefined ? undefined : resolve(options.copy),
          },
          { jobs: options.jobs ?? defaultJobs(shapeOf(shape), hostRoom(context.settings)), run, ledger },
          context,
        ),
    );
    lines.end();
    const outcome = worstOf(cells);
    session.result(
      "exec",
      { outcome, exitCode: codes[outcome], argv, cells },
      { json: options.json, text: () => renderExec(cells, { width: session.width }) },
    );
    process.exitCode = codes[outcome];
  });
}

/** More than this of a line is not shown. */
const longestLine = 4000;

/** Shows what commands print, line by line with the kernel's name in front. A guest wrote it: it is made harmless. */
class LineWriter {
  readonly #session: Session;
  readonly #json: boolean;
  readonly #open = new Map<string, { text: string; write: (line: string) => void }>();

  constructor(session: Session, options: { json: boolean }) {
    this.#session = session;
    this.#json = options.json;
  }

  add(kernel: string, stream: "stdout" | "stderr", text: string): void {
    const key = `${stream} ${kernel}`;
    const known = this.#open.get(key);
    const lines = ((known?.text ?? "") + text).split("\n");
    const rest = (lines.pop() ?? "").slice(-longestLine);
    const write =
      known?.write ??
      ((line: string): void => {
        const shown = `${kernel} | ${sanitize(line, { maxLength: longestLine })}`;
        if (stream === "stdout" && !this.#json) this.#session.print(shown);
        else this.#session.say(shown);
      });
    this.#open.set(key, { text: rest, write });
    for (const line of lines) write(line);
  }

  /** Show lines that had no end. */
  end(): void {
    for (const { text, write } of this.#open.values()) if (text !== "") write(text);
    this.#open.clear();
  }
}

function duration(text: string): Duration {
  if (!isDuration(text)) throw new InvalidArgumentError("expected a duration such as 90s or 20m.");
  return text;
}

function size(text: string): Size {
  if (!isSize(text)) throw new InvalidArgumentError("expected a size such as 2GiB.");
  return text;
}

function names(text: string, before: readonly string[] = []): readonly string[] {
  const list = text.split(",").filter(Boolean);
  for (const name of list) {
    try {
      checkName(name);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : "expected a name.");
    }
  }
  return [...before, ...list];
}
