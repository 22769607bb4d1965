import { basename } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { parseLinkedAgainst, unmet } from "./guest-libraries.ts";
import { type GuestTarget, provideGuestTarget, type Sysroot } from "./sysroot.ts";

/** The compilers for workloads: for the image's own glibc in C and C++, and for musl, which the image has too. */
export type Compiler = "gcc" | "g++" | "musl-gcc";

/** The compiler for each C library: the image's own glibc, or musl, whose loader the image has too. */
export const compilerOf = { glibc: "gcc", musl: "musl-gcc" } as const;

const packages: Readonly<Record<string, string>> = { gcc: "gcc", "g++": "g++", "musl-gcc": "musl-tools" };

export interface CompileOptions {
  readonly compiler: Compiler;
  readonly sources: readonly string[];
  /** The file to write. */
  readonly to: string;
  /** `shared`: a library, or an addon of Node. */
  readonly kind: "program" | "shared";
  /** More for the command line, such as `-ftls-model=initial-exec`. */
  readonly flags?: readonly string[] | undefined;
  readonly include?: readonly string[] | undefined;
}

/**
 * Compile a workload for the guests: with this host's compiler, against the C library of their own Debian release.
 * What comes out is held against what the guests have, and refused with the reason when it would not start there: a
 * program that cannot start must not pass for a failure of the report. Warnings are errors: a workload is evidence.
 *
 * @throws {InfraError} when the compiler is missing, naming its package, or does not like the source; when the
 *   archive is out of reach; when a guest lacks what the result asks for.
 * @example await compile({ compiler: "musl-gcc", sources: ["load.c"], to: "load", kind: "program" }, context)
 */
export async function compile(options: CompileOptions, context: Context): Promise<void> {
  const { sources, to, kind, flags = [], include = [] } = options;
  const { signal } = context;
  const target = await provideGuestTarget(context);
  const [compiler, ...against] = compilerFor(options.compiler, target);
  const argv = [
    compiler,
    ...against,
    // nixpkgs' compilers name a loader in the store of the host.
    ...(kind === "program" ? [`-Wl,--dynamic-linker=${loaderFor(options.compiler)}`] : []),
    ...["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"],
    ...(kind === "shared" ? ["-shared", "-fPIC"] : []),
    ...flags,
    ...include.map((dir) => `-I${dir}`),
    "-o",
    to,
    ...sources,
    "-ldl",
  ];
  const install = `Install the Debian package ${packages[compiler]}: \`dstate setup\`.`;
  await command(argv, { within: timeouts.host.compile, signal, install });
  await checkFits(to, target, signal);
}

const { tuple } = guestPlatform.cLibraries.glibc;

function loaderFor(compiler: Compiler): string {
  return guestPlatform.cLibraries[compiler === "musl-gcc" ? "musl" : "glibc"].loader;
}

function compilerFor(compiler: Compiler, target: GuestTarget): [string, ...string[]] {
  if (target.type === "host") return [compiler];
  const { sysroot } = target;
  switch (compiler) {
    case "musl-gcc":
      return ["gcc", `--sysroot=${sysroot.dir}`, "-specs", sysroot.muslSpecs];
    case "gcc":
      return ["gcc", ...against(sysroot)];
    case "g++": {
      const headers = [`${sysroot.dir}/usr/include/c++`, `${sysroot.dir}/usr/include/${tuple}/c++`];
      const isystem = headers.flatMap((dir) => ["-isystem", `${dir}/${sysroot.libraries.gcc}`]);
      return ["g++", ...against(sysroot), "-nostdinc++", ...isystem];
    }
  }
}

/**
 * A compiler of the host looks beside itself for start files and libraries before it looks into a sysroot. The
 * headers are named for compilers of other systems: they do not know of Debian's multiarch folder, and nixpkgs' does
 * not look into `/usr/include` of any root.
 */
function against({ dir }: Sysroot): string[] {
  const libraries = `${dir}/usr/lib/${tuple}`;
  return [
    `--sysroot=${dir}`,
    `-B${libraries}/`,
    `-L${libraries}`,
    `-L${dir}/lib/${tuple}`,
    ...["-idirafter", `${dir}/usr/include`],
    ...["-idirafter", `${dir}/usr/include/${tuple}`],
  ];
}

async function checkFits(path: string, target: GuestTarget, signal: AbortSignal): Promise<void> {
  const guest = target.type === "host" ? target.libraries : target.sysroot.libraries;
  const wanted = ["--program-headers", "--dynamic", "--version-info"];
  const { stdout } = await command(["readelf", "--wide", ...wanted, path], {
    within: timeouts.host.ask,
    signal,
    install: "Install the Debian package binutils: `dstate setup`.",
  });
  const missing = unmet(parseLinkedAgainst(stdout), guest);
  if (missing.length === 0) return;
  throw new InfraError(
    `${basename(path)} would not start in a guest of ${guest.system}: it asks for ${missing.join(", ")}`,
    {
      next:
        target.type === "host"
          ? "Install mmdebstrap (`dstate setup`): workloads are compiled against the guest's own C library then."
          : "Link what the guest lacks statically (`-static`, `-static-libasan`), or leave out flags that name libraries of this host.",
      evidence: path,
    },
  );
}
