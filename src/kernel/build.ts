import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { CommandError, command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { hostTroubleIn } from "../base/host-trouble.ts";
import type { Lock } from "../base/lock.ts";
import type { Step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import type { KernelBuildNames } from "../platform/platform.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type ConfigOption, checkConfiguration, formatOptions } from "./configuration.ts";

export interface BuildOptions {
  /** The kernel's source tree; nothing is written to it. */
  readonly source: string;
  /** Object folder, made here if it is not there; see `make O=`. */
  readonly objects: string;
  /** The finished kernel's files go here. */
  readonly out: string;
  readonly options: readonly ConfigOption[];
  /** For messages. */
  readonly name: string;
  /** How many objects an earlier build of this configuration had. */
  readonly expected?: number | undefined;
  /** Whether objects of an earlier build are there, so that nobody knows how many will be compiled. */
  readonly incremental?: boolean;
  /** Runs the compiler, and remembers what came out. */
  readonly cache?: CompilerCache | undefined;
  /** What keeps others out of the object folder: make and the compilers that it starts hold it too. */
  readonly lock?: Lock | undefined;
  /** A failed build's whole output is kept here. */
  readonly failureLog: string;
  readonly step: Pick<Step, "update" | "note">;
  readonly signal: AbortSignal;
}

/** A program that runs the compiler and remembers what came out, and what it is told by its environment. */
export interface CompilerCache {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Built {
  /** What `uname -r` will say. */
  readonly version: string;
  readonly objects: number;
  /** Whether objects of an earlier build were used. */
  readonly incremental: boolean;
}

/** A line of the source that the compiler shows under its message: nothing that the host said. */
const shownSource = /^\s*\d* \|.*$/gm;

/** A kernel that does not build: its source or its configuration is to blame, as far as can be told. */
export class BuildError extends InfraError {
  /** The first error of the compiler, with its file and line; undefined: something else went wrong. */
  readonly compilerError: string | undefined;

  constructor(
    message: string,
    options: ConstructorParameters<typeof InfraError>[1] & { readonly compilerError: string | undefined },
  ) {
    super(message, options);
    this.compilerError = options.compilerError;
  }
}

/** The configuration in vm/kernel/config compiles about this many objects. */
const usualObjects = 1350;

const compiledLine = /^ {2}(CC|AS|HOSTCC) /;

/** Make's words for the architecture that a kernel is built for. */
export function platformVariables({ arch, compilerPrefix }: KernelBuildNames): string[] {
  return [`ARCH=${arch}`, `CROSS_COMPILE=${compilerPrefix}`];
}

/**
 * Set on make's command line, so that neither the user's environment nor the clock changes what is built.
 *
 * @see https://docs.kernel.org/kbuild/reproducible-builds.html
 */
const fixed = [
  "KCFLAGS=",
  "LOCALVERSION=",
  "KBUILD_BUILD_TIMESTAMP=1970-01-01",
  "KBUILD_BUILD_USER=dstate",
  "KBUILD_BUILD_HOST=dstate",
  "KBUILD_BUILD_VERSION=1",
];

const install = "Install what a kernel build needs: `dstate setup`, or see `dstate doctor`.";

/**
 * Configure and build a kernel. Only the ELF `vmlinux` is made: QEMU starts it through its PVH note, so there
 * is no need to compress it into a bzImage. `out` gets `vmlinux`, `System.map`, `config` and the end of
 * `build.log`.
 *
 * @throws {InfraError} when the configuration does not come out as asked or the build fails; its evidence is
 *   the whole log.
 * @see https://xenbits.xen.org/docs/unstable/misc/pvh.html
 */
export async function buildKernel(build: BuildOptions): Promise<Built> {
  const { source, objects, out, signal } = build;
  const names = guestPlatform.kernelBuild;
  const log: string[] = [];
  const make = async (argv: readonly string[], onOutput?: (text: string) => void): Promise<void> => {
    const gcc = `${names.compilerPrefix}gcc`;
    const compiler = `CC=${build.cache ? `${build.cache.program} ${gcc}` : gcc}`;
    const variables = [compiler, ...platformVariables(names), ...fixed];
    await command(["make", "-C", source, `O=${objects}`, ...variables, ...argv], {
      within: timeouts.make.build,
      signal,
      install,
      // The image, and the trial of a cell that needs no build, are what is waited for meanwhile.
      inBackground: true,
      ...(build.cache ? { env: build.cache.env } : {}),
      ...(build.lock ? { inherit: [build.lock.descriptor] } : {}),
      onOutput: (text) => {
        log.push(text);
        onOutput?.(text);
      },
    });
  };
  try {
    await mkdir(objects, { recursive: true });
    await mkdir(out, { recursive: true });
    build.step.update({ detail: "configuring" });
    const wanted = join(objects, "wanted.config");
    await writeFile(wanted, formatOptions(build.options));
    await make([`KCONFIG_ALLCONFIG=${wanted}`, "allnoconfig"]);
    checkConfiguration(build.options, await readFile(join(objects, ".config"), "utf8"), build.name);

    const expected = build.expected ?? usualObjects;
    let compiled = 0;
    let rest = "";
    // One more job than CPUs: while one reads its headers from disk another computes.
    await make([`-j${availableParallelism() + 1}`, names.target], (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      compiled += lines.filter((line) => compiledLine.test(line)).length;
      build.step.update({
        ...(build.incremental
          ? { detail: `${compiled} objects` }
          : {
              detail: `${compiled} of about ${Math.max(expected, compiled)} objects`,
              share: Math.min(compiled / expected, 0.99),
            }),
      });
    });

    for (const name of [names.image, "System.map"])
      await copyFile(join(objects, name), join(out, basename(name)));
    await copyFile(join(objects, ".config"), join(out, "config"));
    await writeFile(join(out, "build.log"), log.join("").split("\n").slice(-200).join("\n"));
    const release = await readFile(join(objects, "include/config/kernel.release"), "utf8");
    return { version: release.trim(), objects: compiled, incremental: build.incremental ?? false };
  } catch (error) {
    if (signal.aborted || !(error instanceof InfraError)) throw error;
    const text = log.join("");
    const kept = await keep(build.failureLog, text);
    const compilerError = /^[^\s:]+:\d+(?::\d+)?: (?:fatal )?error: .*$/m
      .exec(text)?.[0]
      .replace(`${source}/`, "");
    const trouble = hostTroubleIn(`${text}\n${error.message}`.replace(shownSource, ""));
    // A compiler that could not write, or was killed, objects to a line of the source as well; a program that is
    // missing it would not have mentioned.
    const isHosts = trouble && (compilerError === undefined || trouble.kind !== "missing-program");
    const message = isHosts
      ? `Linux ${build.name} could not be built: ${trouble.what}: ${compilerError ?? error.message}`
      : `Linux ${build.name} could not be built: ${compilerError ?? error.message}`;
    const more = {
      next:
        (isHosts ? trouble.next : error instanceof CommandError ? undefined : error.next) ??
        `Read the log${kept ? "" : " above"}; \`dstate doctor\` shows what a build needs.`,
      ...(kept ? { evidence: build.failureLog } : {}),
      cause: error,
    };
    if (isHosts) throw new InfraError(message, more);
    throw new BuildError(message, { ...more, compilerError });
  }
}

/**
 * Which compiler and linker would build: they are part of what a kernel is made from.
 *
 * @throws {InfraError} when there is none.
 */
export async function toolchain(signal: AbortSignal): Promise<string> {
  const versions = [];
  const { compilerPrefix } = guestPlatform.kernelBuild;
  for (const program of ["gcc", "ld"].map((name) => `${compilerPrefix}${name}`)) {
    const { stdout } = await command([program, "--version"], { within: timeouts.host.ask, signal, install });
    versions.push(stdout.split("\n")[0] ?? program);
  }
  return versions.join(", ");
}

/**
 * Unpack a source tarball into a folder that does not exist yet, leaving out the tarball's own top folder.
 * Blocks of an xz file are unpacked side by side where it has several.
 */
export async function unpackSource(tarball: string, to: string, signal: AbortSignal): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await command(
    [
      "tar",
      "--extract",
      "--use-compress-program=xz -T0",
      "--strip-components=1",
      "--no-same-owner",
      "-f",
      tarball,
      "-C",
      to,
    ],
    { within: timeouts.make.unpackSource, signal, install },
  );
}

async function keep(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return true;
  } catch {
    // A full disk is a likely reason for the failure itself.
    return false;
  }
}
