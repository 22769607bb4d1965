import { chmod, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { command } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";
import { InfraError, messageOf } from "../../src/base/errors.ts";
import { Store, type StoreEntry } from "../../src/base/store.ts";
import { type Stanza, stanzasOfPackages } from "../../src/supply/deb822.ts";
import { debianRoots } from "../../src/supply/debian-roots.ts";
import { openSuite } from "../../src/supply/debian-suite.ts";
import { download } from "../../src/supply/download.ts";

/** The suites of Debian whose Nix the flake is evaluated with, beside the Nix of this host. */
export const nixSuites = ["trixie", "sid"] as const;
export type NixSuite = (typeof nixSuites)[number];

/** A Nix that is unpacked and not installed. */
export interface Evaluator {
  readonly suite: NixSuite;
  /** Of Debian's package nix-bin, such as `2.34.8+dfsg-1`. */
  readonly version: string;
  /** Holds nix, nix-instantiate and nix-store. */
  readonly bin: string;
}

const aboutSchema = z.object({ version: z.string() });

/**
 * The Nix that a suite of Debian has, checked by the archive's signature and unpacked into the cache with its
 * libraries and their loader. A new one is looked for once a month, and never in vain: without a network an earlier
 * one does.
 *
 * @throws {InfraError} when the archive is out of reach and none was fetched before.
 */
export async function provideEvaluator(suite: NixSuite, context: Context): Promise<Evaluator> {
  const store = new Store(join(context.settings.cacheDir, "nix-evaluators"));
  const key = `${suite}-${new Date().toISOString().slice(0, 7)}`;
  const race = { within: "15m", signal: context.signal } as const;
  const entry = await store
    .findOrMake(key, race, async (dir, signal) => await fetchNix(dir, suite, { ...context, signal }))
    .catch(async (error: unknown) => {
      context.signal.throwIfAborted();
      const earlier = (await store.list()).filter((entry) => entry.key.startsWith(`${suite}-`)).at(-1);
      if (!earlier) throw new InfraError(`no Nix of Debian ${suite}: ${messageOf(error)}`, { cause: error });
      return earlier;
    });
  return evaluatorOf(suite, entry);
}

function evaluatorOf(suite: NixSuite, { about, dir }: StoreEntry): Evaluator {
  return { suite, version: aboutSchema.parse(about).version, bin: join(dir, "bin") };
}

async function fetchNix(
  dir: string,
  suite: NixSuite,
  context: Context,
): Promise<z.infer<typeof aboutSchema>> {
  const { signal, settings } = context;
  const { main } = await debianRoots(context);
  const opened = await openSuite(`${main}/dists/${suite}`, { dir, signal, keyring: settings.debianKeyring });
  const index = (await opened?.read("main/binary-amd64/Packages")) ?? "";
  const wanted = withLibraries("nix-bin", index);
  const root = join(dir, "root");
  await mkdir(root);
  for (const stanza of wanted) {
    const to = join(dir, "package.deb");
    const url = `${main}/${stanza.get("filename")}`;
    const got = await download(url, { to, signal, sha256: stanza.get("sha256") });
    if (got.type === "missing") throw new InfraError(`${url} is missing although the signed index lists it`);
    await command(["dpkg-deb", "--extract", to, root], { within: "2m", signal });
    await rm(to);
  }
  for (const part of ["usr/share", "usr/sbin", "etc", "var"])
    await rm(join(root, part), { recursive: true, force: true });
  await writeCommands(dir, root);
  return { version: wanted[0]?.get("version") ?? "" };
}

/** A package and every library that it needs, and those need. Where one of several would do, the first is taken. */
function withLibraries(name: string, index: string): Stanza[] {
  const known = new Map<string, Stanza>();
  for (const prefix of [name, "lib"])
    for (const stanza of stanzasOfPackages(index, prefix)) known.set(stanza.get("package") ?? "", stanza);
  const found = new Map<string, Stanza>();
  const add = (wanted: string): void => {
    const stanza = known.get(wanted);
    if (!stanza || found.has(wanted)) return;
    found.set(wanted, stanza);
    const needs = `${stanza.get("depends") ?? ""},${stanza.get("pre-depends") ?? ""}`.split(",");
    for (const need of needs) {
      const [, library = ""] = /^\s*(lib[^\s|(:]+)/.exec(need) ?? [];
      if (library !== "") add(library);
    }
  };
  add(name);
  if (found.size === 0) throw new InfraError(`the suite has no package ${name}`);
  return [...found.values()];
}

/** What is called nix here starts the unpacked one by the unpacked loader: this host's may be older. */
async function writeCommands(dir: string, root: string): Promise<void> {
  const libraries = new Set<string>();
  for (const file of await readdir(root, { recursive: true })) {
    if (/\.so[.\d]*$/.test(file) && (await stat(join(root, file)).catch(() => undefined))?.isFile())
      libraries.add(join(file, ".."));
  }
  const loader = (await readdir(root, { recursive: true })).find(
    (file) => basename(file) === "ld-linux-x86-64.so.2" && file.startsWith("usr/lib/x86"),
  );
  if (loader === undefined) throw new InfraError("Debian's libc6 has no loader where it was looked for");
  const path = [...libraries].map((folder) => `$root/${folder}`).join(":");
  await mkdir(join(dir, "bin"));
  for (const name of ["nix", "nix-instantiate", "nix-store"]) {
    const lines = [
      "#!/bin/sh",
      `root=\${0%/*}/../root`,
      `exec "$root/${loader}" --library-path "${path}" --argv0 ${name} "$root/usr/bin/nix" "$@"`,
    ];
    await writeFile(join(dir, "bin", name), `${lines.join("\n")}\n`);
    await chmod(join(dir, "bin", name), 0o755);
  }
}
