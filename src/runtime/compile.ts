import { command } from "../base/command.ts";

/** The host's compilers for workloads: what they make runs on the image's own glibc, or on musl. */
export type Compiler = "gcc" | "g++" | "musl-gcc";

/** The compiler for each C library: the image's own glibc, or musl, whose loader the image has too. */
export const compilerOf = { glibc: "gcc", musl: "musl-gcc" } as const;

const packages: Record<Compiler, string> = { gcc: "gcc", "g++": "g++", "musl-gcc": "musl-tools" };

export interface CompileOptions {
  readonly compiler: Compiler;
  readonly sources: readonly string[];
  /** The file to write. */
  readonly to: string;
  /** `shared`: a library, or an addon of Node. */
  readonly kind: "program" | "shared";
  /** More for the command line, such as `-ftls-model=initial-exec`. */
  readonly flags?: readonly string[];
  readonly include?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Compile a workload on the host. Warnings are errors: a workload is evidence.
 *
 * @throws {InfraError} when the compiler is missing, naming its package, or does not like the source.
 * @example await compile({ compiler: "musl-gcc", sources: ["load.c"], to: "load", kind: "program", signal })
 */
export async function compile(options: CompileOptions): Promise<void> {
  const { compiler, sources, to, kind, flags = [], include = [], signal } = options;
  const base = ["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"];
  const shared = kind === "shared" ? ["-shared", "-fPIC"] : [];
  const argv = [
    compiler,
    ...base,
    ...shared,
    ...flags,
    ...include.map((dir) => `-I${dir}`),
    "-o",
    to,
    ...sources,
    "-ldl",
  ];
  await command(argv, {
    within: "2m",
    signal,
    install: `Install the Debian package ${packages[compiler]}: \`dstate setup\`.`,
  });
}
