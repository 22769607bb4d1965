import { execFile } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeBisectRun } from "./bisect-run.ts";
import { changeJson, flagship, openBrowser, openPage, Pages, seriousFindings } from "./browser.ts";

/** A busy host may take its time. */
const soon = { timeout: 30_000 };

let browser: Browser;
let pages: Pages;
/** The page of the flagship's run. */
let file = "";
beforeAll(async () => {
  browser = await openBrowser();
  pages = await Pages.open();
  file = await pages.make(flagship);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await pages?.[Symbol.asyncDispose]();
});

/** Click, and wait for the panel that it opens. */
async function openTab(page: Page, id: string): Promise<void> {
  await page.click(`#tab-${id}`);
  await page.waitForSelector(`[role=tabpanel][aria-labelledby=tab-${id}]`);
}

describe("the page of a real run of the flagship", () => {
  test("shows both trials with their outcomes, complains of nothing and loads nothing", async () => {
    await using opened = await openPage(browser, file);
    const text = await opened.page.innerText("#app");
    for (const said of ["io-uring-dstate", "reproduced", "clean", "6.1.115", "6.1.129", "nodejs/node#55587"])
      expect(text).toContain(said);
    expect(opened.complaints).toEqual([]);
  });

  test("has every lane on the time axis of the trial that reproduced", async () => {
    await using opened = await openPage(browser, file, { hash: "#/trial/1" });
    const lanes = opened.page.locator("[data-lane]");
    await lanes.first().waitFor();
    const ids = await lanes.evaluateAll((all) => all.map((lane) => lane.getAttribute("data-lane") ?? ""));
    const kinds = new Set(ids.map((id) => id.split(" ")[0]));
    expect([...kinds].sort()).toEqual(
      ["commands", "console", "cpu", "end", "findings", "output", "phases", "qmp", "thread"].sort(),
    );
    const titles = await opened.page.locator(".timeline title").allTextContents();
    const told = titles.join("\n");
    for (const said of [
      "node:130 D in io_uring_del_tctx_node",
      "iou-sqp-130:138 D in io_sq_thread",
      "INFO: task hung in io_sq_thread",
      "round 3 of 10",
      "SIGKILL",
      "power-off: stuck",
      "node lstat.mjs 10",
    ])
      expect(told).toContain(said);
    expect(opened.complaints).toEqual([]);
  });

  test("leads from a finding on the time axis to its line of the log", async () => {
    await using opened = await openPage(browser, file, { hash: "#/trial/1" });
    const { page } = opened;
    await page.locator('[data-lane="findings"] .mark').first().click();
    await page.locator(".picked-box button").click();
    const current = page.locator(".log-line.current");
    await current.waitFor();
    expect(await current.innerText()).toContain(
      "INFO: task iou-sqp-130:138 blocked for more than 10 seconds",
    );
  });

  test("decodes call chains and links functions to the source of that very release", async () => {
    await using opened = await openPage(browser, file, { hash: "#/trial/1" });
    const link = opened.page.locator(".frames .guilty a").first();
    await link.waitFor();
    expect(await link.getAttribute("href")).toBe(
      "https://elixir.bootlin.com/linux/v6.1.115/A/ident/io_sq_thread",
    );
  });

  test("draws who waits for whom, and says what the kernel does not", async () => {
    await using opened = await openPage(browser, file, { hash: "#/trial/1" });
    await openTab(opened.page, "waits");
    const label = await opened.page.locator(".waits svg").getAttribute("aria-label");
    expect(label).toContain("power-off waits for node:130");
    expect(label).toContain("node:130 waits for a mutex");
    expect(await opened.page.locator(".waits").innerText()).toContain("the kernel does not say who holds it");
  });

  test("plays the console from its beginning, line by line", async () => {
    await using opened = await openPage(browser, file, { hash: "#/trial/1" });
    const { page } = opened;
    await openTab(page, "screen");
    const rows = page.locator(".xterm-rows");
    await expect.poll(async () => await rows.innerText(), soon).toContain("show-blocked-tasks");
    await page.locator(".screen input[type=range]").fill("600");
    await expect.poll(async () => await rows.innerText(), soon).not.toContain("show-blocked-tasks");
    await expect.poll(async () => await rows.innerText(), soon).toContain("crng reseeded");
  });

  test("puts a clean trial beside it on one axis and says what differs", async () => {
    await using opened = await openPage(browser, file, { hash: "#/compare/2/1" });
    const { page } = opened;
    const rows = page.locator(".differ tbody tr");
    await rows.first().waitFor();
    const told = (await rows.allInnerTexts()).map((row) => row.replace(/\s+/g, " "));
    expect(told.some((row) => row.startsWith("outcome clean reproduced"))).toBe(true);
    expect(told.some((row) => row.startsWith("kernel 6.1.129 6.1.115"))).toBe(true);
    expect(told.some((row) => row.startsWith("after SIGKILL not needed D"))).toBe(true);
    expect(await page.locator(".timeline").count()).toBe(2);
    expect(opened.complaints).toEqual([]);
  });

  test("is used with the keyboard alone: trials, marks, panels and search", async () => {
    await using opened = await openPage(browser, file);
    const { page } = opened;
    await page.keyboard.press("j");
    await page.waitForSelector(".timeline svg");
    expect(new URL(page.url()).hash).toBe("#/trial/1");
    await page.focus(".timeline svg");
    await page.keyboard.press("ArrowRight");
    const picked = page.locator(".picked-box");
    await expect.poll(async () => await picked.innerText(), soon).toContain("running lstat");
    await page.keyboard.press("ArrowDown");
    await expect.poll(async () => await picked.innerText(), soon).toContain("console.log, line 2");
    await page.keyboard.press("+");
    await page.keyboard.press("0");
    await page.focus("#tab-findings");
    await page.keyboard.press("ArrowRight");
    await expect.poll(async () => await page.evaluate("document.activeElement?.id"), soon).toBe("tab-log");
    await page.keyboard.press("j");
    await expect.poll(() => new URL(page.url()).hash, soon).toBe("#/trial/2");
    await page.keyboard.press("/");
    await page.keyboard.type("reproduced");
    await expect.poll(async () => await page.locator(".side li").count(), soon).toBe(1);
    await page.keyboard.press("Enter");
    await expect.poll(() => new URL(page.url()).hash, soon).toBe("#/trial/1");
  });

  test.each(["light", "dark"] as const)("has no serious finding of axe, in %s", async (colorScheme) => {
    await using opened = await openPage(browser, file, { colorScheme });
    const { page } = opened;
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press("j");
    await page.waitForSelector(".timeline svg");
    for (const id of ["findings", "log", "waits", "screen", "facts"]) {
      await openTab(page, id);
      expect(await seriousFindings(page), id).toEqual([]);
    }
    await page.goto(`${page.url().split("#")[0]}#/compare/2/1`);
    await page.waitForSelector(".differ");
    expect(await seriousFindings(page), "compare").toEqual([]);
  });
});

describe("the page of a real bisection over 96 commits", () => {
  test("shows what is believed of each candidate that was tried, now and after each trial", async () => {
    const run = await pages.copy("bisect");
    await makeBisectRun(run);
    await using opened = await openPage(browser, await pages.make(run));
    const { page } = opened;
    const rows = page.locator(".posterior li");
    const texts = async (): Promise<string[]> =>
      (await rows.allInnerTexts()).map((row) => row.replace(/\s+/g, " "));
    expect(await texts()).toContain("38d29a40d383 99.5 %");
    expect(await page.locator(".posterior-about").innerText()).toContain("6 reproduced; 5 files: io_uring");
    // Never tried: many of them are one row.
    const count = await rows.count();
    expect(count).toBeLessThan(15);
    expect(await page.locator(".history circle").count()).toBe(15);
    await page.locator(".bisect-step input").fill("6");
    await expect.poll(texts, soon).toContain("38d29a40d383 13 %");
    expect(await rows.count()).toBe(count);
    for (const step of ["6", "0"]) {
      await page.locator(".bisect-step input").fill(step);
      const shares = (await texts()).map((row) => Number(/([\d.]+) %$/.exec(row)?.[1]));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, -1);
    }
    expect(await seriousFindings(page)).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
});

describe("what a guest said", () => {
  test("is data: markup, escapes, text that runs backwards and lines of 10 MB do nothing", async () => {
    const run = await pages.copy("hostile");
    const evil = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked=2">';
    const bidi = "\u202eevil\u2066\u200b";
    const escapes =
      "\x1b]0;title\x07\x1b]8;;https://example.org\x07link\x1b]8;;\x07\x1b[2J\x1b[31mred\x1b[0m";
    const console = [
      evil,
      `[    1.000000] BUG: unable to handle page fault for address: ${evil}`,
      `${bidi} right`,
      escapes,
      "A".repeat(10 * 1024 * 1024),
      "the end",
    ].join("\n");
    await writeFile(join(run, "1/console.log"), console);
    await writeFile(join(run, "1/workload-stdout.txt"), evil);
    await changeJson(join(run, "1/trial.json"), (trial) => ({ ...trial, columns: { [evil]: evil } }));
    await changeJson(join(run, "run.json"), (record) => ({
      ...record,
      about: evil,
      title: evil,
      upstream: ["javascript:window.hacked=3", "https://example.org/x"],
      trials: (record.trials as Record<string, unknown>[]).map((trial) => ({
        ...trial,
        title: evil,
        summary: evil,
      })),
    }));
    const timeline = (await readFile(join(run, "1/timeline.jsonl"), "utf8")).replaceAll(
      "iou-sqp-130",
      "<b>x</b>",
    );
    await writeFile(
      join(run, "1/timeline.jsonl"),
      `${timeline}${JSON.stringify({ t: 1, type: "phase", text: evil })}\n{"t":2,"type":"phase"`,
    );
    await using opened = await openPage(browser, await pages.make(run), { hash: "#/trial/1" });
    const { page } = opened;
    for (const id of ["findings", "log", "waits", "screen", "facts"]) await openTab(page, id);
    await openTab(page, "log");
    await page.waitForSelector(".log-line");
    const log = await page.innerText(".log-pane");
    expect(log).toContain("</script><script>window.hacked = 1</script>");
    expect(log).toContain("evil right");
    expect(log).toContain("more characters");
    expect(log).toContain("the end");
    expect(await page.evaluate("'hacked' in window")).toBe(false);
    expect(await page.locator("#app img, #app script, #app b:has-text('x')").count()).toBe(0);
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
    expect(await page.innerText("#app")).not.toMatch(/[\u202e\u2066\u200b]/);
    expect(opened.complaints).toEqual([]);
  });
});

describe("a page of 200 trials", () => {
  test("has at most 3 MB without logs, and finds a trial among them", async () => {
    const run = await pages.copy("large");
    await changeJson(join(run, "run.json"), (record) => {
      const [bad, good] = record.trials as Record<string, unknown>[];
      const trials = Array.from({ length: 200 }, (_, index) => ({
        ...(index % 3 === 0 ? bad : good),
        number: index + 1,
        folder: index % 3 === 0 ? "1" : "2",
      }));
      return { ...record, trials };
    });
    const page = await pages.make(run, { mostLogs: 0 });
    const { length } = await readFile(page);
    expect(length).toBeLessThan(3_000_000);
    await using opened = await openPage(browser, page);
    await opened.page.fill(".side input", "reproduced");
    await expect.poll(async () => await opened.page.locator(".side li").count(), soon).toBe(67);
    expect(opened.complaints).toEqual([]);
  });
});

describe("the run of a dstate that was killed", () => {
  test("has a page that says so, and shows what there is of the trial that was unfinished", async () => {
    const run = await pages.copy("killed");
    await changeJson(join(run, "run.json"), (record) => {
      const [first, second] = record.trials as Record<string, unknown>[];
      const { outcome, summary, took, load, ...begun } = second ?? {};
      const owner = { pid: 2 ** 22 + 1, startTime: "1", boot: "none" };
      const { endedAt, ...open } = record;
      return { ...open, state: "running", owner, trials: [first, { ...begun, state: "running" }] };
    });
    const timeline = await readFile(join(run, "2/timeline.jsonl"), "utf8");
    await writeFile(join(run, "2/timeline.jsonl"), timeline.slice(0, timeline.length / 2));
    for (const name of ["trial.json", "power-off.json", "dmesg.txt"]) await rm(join(run, "2", name));
    await using opened = await openPage(browser, await pages.make(run));
    const { page } = opened;
    expect(await page.innerText("header")).toContain("killed: nobody ended it");
    expect(await page.innerText(".trials")).toContain("unfinished");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.waitForSelector(".timeline svg");
    expect(await page.locator("[data-lane]").count()).toBeGreaterThan(3);
    expect(opened.complaints).toEqual([]);
  });
});

describe("dstate show", () => {
  const run = promisify(execFile);
  const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));

  test("writes the page of a run into its folder, and says where it is", async () => {
    const folder = await pages.copy("2026-11-26T18-34-07-io-uring-dstate-62e3");
    const env = { ...process.env, DSTATE_LOGS: pages.dir };
    const { stdout } = await run(process.execPath, [bin, "show", "dstate-62e3", "--json"], { env });
    const told: unknown = JSON.parse(stdout);
    expect(told).toMatchObject({ page: join(folder, "index.html"), trials: 2 });
    await using opened = await openPage(browser, join(folder, "index.html"));
    expect(opened.complaints).toEqual([]);
  });

  test("shows a trial that an older dstate left, without a time axis", async () => {
    const folder = join(pages.dir, "2026-01-01T00-00-00-old-0000");
    await cp(join(flagship, "1"), folder, { recursive: true });
    await writeFile(join(folder, "timeline.jsonl"), "");
    await using opened = await openPage(browser, await pages.make(folder), { hash: "#/trial/1" });
    await opened.page.waitForSelector(".tabs");
    const text = await opened.page.innerText("main");
    expect(text).toContain("No times were recorded");
    expect(text).toContain("task hung in io_sq_thread");
    expect(opened.complaints).toEqual([]);
  });
});
