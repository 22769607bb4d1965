import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { CommandError, command } from "../../src/base/command.ts";
import { keyOf } from "../../src/base/store.ts";
import { contextOf } from "../../src/lab/open.ts";
import { targets } from "../../tests/fuzz/targets.ts";
import { testCommand } from "../test-command.ts";
import { newLibc } from "./libc.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const names = Object.keys(targets);

const program = testCommand(
  "fuzz",
  `Fuzz what parses bytes of guests, networks and files, guided by coverage (Jazzer.js), and keep a small corpus in the cache.\n\nTargets:\n${names.map((name) => `  ${name.padEnd(14)} ${targets[name]?.about}`).join("\n")}`,
)
  .argument("[target...]", "which; default: all, one after the other")
  .option("--minutes <n>", "for each target", Number, 20)
  .addHelpText("after", "\nExit code 1: something was found; its input is named.");
await program.parseAsync();
const chosen = program.args.length > 0 ? program.args : names;
const unknown = chosen.find((name) => !names.includes(name));
if (unknown !== undefined) program.error(`there is no target ${unknown}: ${names.join(", ")}`);
const { minutes } = program.opts<{ minutes: number }>();
if (!(minutes > 0)) program.error("--minutes takes a number above 0");

const context = contextOf({});
const { signal } = context;
const fuzzer = join(home, "tests/fuzz/fuzzer");
const dir = join(fuzzer, "node_modules", `.bundle-${process.pid}`);
try {
  await command(["npm", "ci", "--ignore-scripts"], { cwd: fuzzer, within: "10m", signal });
  const starter = await newLibc(context);
  await build({
    root: home,
    logLevel: "error",
    configFile: false,
    // What people's input goes through is instrumented; what else our modules load is found where it lies.
    ssr: { noExternal: ["zod", "nanotar"], target: "node" },
    build: {
      ssr: "tests/fuzz/entry.ts",
      outDir: dir,
      minify: false,
      rollupOptions: { output: { format: "cjs", entryFileNames: "fuzz-bundle.cjs", codeSplitting: false } },
    },
  });
  let finds = 0;
  for (const name of chosen) {
    const corpus = join(context.settings.cacheDir, "fuzz", name);
    await mkdir(corpus, { recursive: true });
    for (const seed of targets[name]?.seeds ?? [])
      await writeFile(
        join(corpus, keyOf({ seed: Buffer.from(seed).toString("hex") })),
        typeof seed === "string" ? Buffer.from(seed, "latin1") : seed,
      );
    const found = join(context.settings.logsDir, "fuzz", name);
    await mkdir(found, { recursive: true });
    const jazzer = join(fuzzer, "node_modules/@jazzer.js/core/dist/cli.js");
    const limits = [`-max_total_time=${Math.round(minutes * 60)}`, "-rss_limit_mb=2048", "-max_len=65536"];
    const argv = [
      ...starter,
      process.execPath,
      jazzer,
      join(dir, "fuzz-bundle.cjs"),
      "-i",
      "fuzz-bundle",
      // Milliseconds for an input; libFuzzer's own option is overruled by its five seconds.
      ...["--timeout", "10000"],
      ...(targets[name]?.closesLater ? [] : ["--sync"]),
      ...(targets[name]?.namesPaths ? ["--disableBugDetectors", "path-traversal"] : []),
      "--",
    ];
    let last = "";
    const start = performance.now();
    const end = await command(
      [...argv, corpus, ...limits, `-artifact_prefix=${found}/`, "-print_final_stats=1"],
      {
        cwd: dir,
        env: { FUZZ_TARGET: name },
        within: `${Math.ceil(minutes) + 5}m`,
        signal,
        onOutput: (text) => {
          last = (last + text).slice(-8000);
        },
      },
    ).then(
      () => "nothing found",
      (error: unknown) => {
        if (!(error instanceof CommandError)) throw error;
        finds += 1;
        return `FOUND (exit code ${error.code}), see ${found}\n${last.slice(-3000)}`;
      },
    );
    const runs =
      /number_of_executed_units:\s*(\d+)/.exec(last)?.[1] ?? /#(\d+)\s+DONE/.exec(last)?.[1] ?? "?";
    // Not every end comes with statistics; what it had at each step is always said.
    const peak =
      /peak_rss_mb:\s*(\d+)/.exec(last)?.[1] ?? [...last.matchAll(/rss: (\d+)Mb/g)].at(-1)?.[1] ?? "?";
    const covered = [...last.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? "?";
    const kept = (await readdir(corpus)).length;
    const bytes = await sizeOf(corpus);
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(
      `${name}: ${end}; ${seconds} s, ${runs} inputs, coverage ${covered}, peak ${peak} MB, corpus ${kept} files, ${bytes} bytes`,
    );
  }
  process.exitCode = finds > 0 ? 1 : 0;
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder)) sum += (await stat(join(folder, name))).size;
  return sum;
}
