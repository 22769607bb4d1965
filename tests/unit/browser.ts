import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Context } from "../../src/base/context.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { readRun } from "../../src/record/read-run.ts";
import { assemblePage } from "../../src/report/page/assemble.ts";
import { collectPage } from "../../src/report/page/collect.ts";
import { pageTemplate } from "../../src/report/page/template.ts";

/** A recorded run of the flagship: reproduced on 6.1.115, clean on 6.1.129. */
export const flagship = fileURLToPath(new URL("fixtures/runs/flagship", import.meta.url));

/** On PATH, as other programs are: not every host has it in /usr/bin. */
const places = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "chromium"));

/**
 * The system's own Chromium: it updates nothing, asks nobody anything and runs as root in a container.
 *
 * @see https://peter.sh/experiments/chromium-command-line-switches/
 */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: places.find((place) => existsSync(place)) ?? "chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Where the pages of a test are made. */
export class Pages implements AsyncDisposable {
  readonly dir: string;
  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Pages> {
    return new Pages(await mkdtemp(join(tmpdir(), "dstate-page-")));
  }

  /** A copy of the flagship's run, to be changed. */
  async copy(name: string): Promise<string> {
    const to = join(this.dir, name);
    await cp(flagship, to, { recursive: true });
    return to;
  }

  /** Make a run's page; returns its file. */
  async make(run: string, options: { readonly mostLogs?: number } = {}): Promise<string> {
    const context: Context = {
      settings: readSettings(),
      progress: silent,
      signal: new AbortController().signal,
    };
    const collected = await collectPage(
      await readRun(run),
      { mostLogs: options.mostLogs ?? 2 ** 27 },
      context,
    );
    const file = join(this.dir, `${run.split("/").at(-1)}.html`);
    await writeFile(file, assemblePage(await pageTemplate(context), collected));
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A page in a browser, and everything bad that it did. */
export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors on its console, exceptions, dialogs, and whatever it wanted to load. */
  readonly complaints: string[];
}

/** Open a page and wait until it is there. */
export async function openPage(
  browser: Browser,
  file: string,
  options: { readonly hash?: string; readonly colorScheme?: "light" | "dark" } = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({
    colorScheme: options.colorScheme ?? "light",
    viewport: { width: 1400, height: 1000 },
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const address = pathToFileURL(file).href;
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const [url] = request.url().split("#");
    if (url !== address && !request.url().startsWith("data:"))
      complaints.push(`request: ${request.url().slice(0, 200)}`);
  });
  await page.goto(`${address}${options.hash ?? ""}`);
  await page.waitForFunction(() => performance.getEntriesByName("dstate-ready").length > 0);
  return { page, complaints, [Symbol.asyncDispose]: async () => await context.close() };
}

const axeSource = axe.source;

/** What axe finds serious or worse, one line each. @see https://github.com/dequelabs/axe-core */
export async function seriousFindings(page: Page): Promise<string[]> {
  // The page's own policy keeps every script out that is not its own: axe comes in beside it, by the debugger.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axeSource });
  const { result } = await session.send("Runtime.evaluate", {
    expression:
      "axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations))",
    awaitPromise: true,
  });
  const violations: { impact: string; id: string; nodes: { html: string; failureSummary: string }[] }[] =
    JSON.parse(String(result.value));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 300)}`),
    );
}

/** Change a JSON file. */
export async function changeJson(
  path: string,
  change: (value: Record<string, unknown>) => unknown,
): Promise<void> {
  const value: Record<string, unknown> = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify(change(value)));
}
