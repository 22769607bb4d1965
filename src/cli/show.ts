import { rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { command as runProgram } from "../base/command.ts";
import { step } from "../base/progress.ts";
import { formatBytes } from "../base/size.ts";
import { timeouts } from "../base/timeouts.ts";
import { findRun, readRun } from "../record/read-run.ts";
import { assemblePage } from "../report/page/assemble.ts";
import { collectPage } from "../report/page/collect.ts";
import { pageTemplate } from "../report/page/template.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface ShowOptions {
  readonly out?: string;
  readonly open?: boolean;
  readonly json?: boolean;
}

/** Bytes of logs that a page takes along; packed they are a tenth. */
const mostLogs = 128 * 1024 ** 2;

/** `dstate show`: a run as a page that anybody can open. */
export function addShow(program: Command, session: Session): void {
  const command = program
    .command("show")
    .argument("[run]", "a run's folder, or a part of its name; the last one without")
    .description("make one HTML file of a run: time axes, logs, call chains, who waits for whom")
    .option("--out <file>", "where the page goes; default: index.html in the run's folder")
    .option("--open", "open it in the browser of this host")
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: ["The file needs no server and no network, and nothing in it leaves the machine that shows it."],
    examples: ["dstate show", "dstate show io-uring-dstate-62e3 --out page.html"],
  }).action(async (name: string | undefined, options: ShowOptions) => {
    const context = await session.context();
    const dir = await findRun(name, context.settings);
    const run = await readRun(dir);
    const template = await pageTemplate(context);
    const page = await step(context.progress, `read ${run.record.id}`, async (progress) => {
      const { length } = run.record.trials;
      const onTrial = (number: number): void => progress.update({ share: number / length });
      return assemblePage(template, await collectPage(run, { mostLogs, onTrial }, context));
    });
    const file = options.out === undefined ? join(dir, "index.html") : resolve(options.out);
    await writeFile(`${file}.part`, page);
    await rename(`${file}.part`, file);
    const bytes = Buffer.byteLength(page);
    session.result(
      "show",
      { run: dir, page: file, bytes, trials: run.record.trials.length },
      { json: options.json, text: () => `${file} (${formatBytes(bytes)})` },
    );
    if (options.open)
      await runProgram(["xdg-open", file], { within: timeouts.host.ask, signal: context.signal });
  });
}
