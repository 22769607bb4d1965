import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { keyOf, type Store, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { sharedStore } from "../supply/registry/other-place.ts";
import { writeDisk } from "./disk.ts";
import { versionsInHeaders } from "./headers.ts";
import { readPacked } from "./npm-pack.ts";
import { compareVersions, nearestVersions } from "./version.ts";

const { nodePackage } = guestPlatform;
const recipe = 3;

const aboutSchema = z.object({
  version: z.string(),
  npm: z.string().optional(),
  versions: z.record(z.string(), z.string()),
});

/** A Node release on this host's disk, and as a disk for guests. */
export interface NodeRuntime {
  readonly version: string;
  /** Read from the release's headers: choosing a Node version is choosing a libuv version. */
  readonly libuv: string;
  /** What it is made of, under the names of `process.versions`: `node`, `uv`, `v8`. */
  readonly versions: Readonly<Record<string, string>>;
  /** The npm that goes with it, if one was asked for. */
  readonly npm: string | undefined;
  readonly id: string;
  /** Holds bin/node and include/node. */
  readonly dir: string;
  /** A read-only ext4 image of it, mounted at /opt/node in guests. */
  readonly image: string;
}

export function runtimeStore(context: Pick<Context, "settings"> & Partial<Context>): Store {
  return sharedStore("runtimes", context);
}

/**
 * A Node release, fetched with the host's own npm client, which checks its integrity.
 *
 * @param selector an exact version such as `20.9.0`, or a line such as `20` or `20.9` for its newest release.
 * @throws {UsageError} for a version that does not exist, naming some that do.
 * @throws {InfraError} when the registry is out of reach or the download is not what it should be.
 * @example (await provideNode("20.9.0", context, { npm: "10.1.0" })).libuv // "1.46.0"
 */
export async function provideNode(
  selector: string,
  context: Context,
  options: { npm?: string | undefined } = {},
): Promise<NodeRuntime> {
  if (!/^\d+(\.\d+){0,2}$/.test(selector)) {
    throw new UsageError(`"${selector}" is not a Node version`, {
      next: "Write an exact version such as 20.9.0, or a line such as 20.",
    });
  }
  const exact = /^\d+\.\d+\.\d+$/.test(selector);
  const version = exact ? selector : await newestOfLine(selector, context);
  const entry = await runtimeStore(context).findOrMake(
    nodeKey(version, options.npm),
    { within: timeouts.make.runtime, signal: context.signal, onCorrupt: sayMadeAnew(context) },
    async (dir, signal) =>
      await longStep(
        context,
        { title: `get Node ${version}`, kind: "node", guess: "15s" },
        async (progress) => {
          await unpack(nodePackage, version, join(dir, "tree"), { ...context, signal });
          if (options.npm !== undefined) {
            await mkdir(join(dir, "tree/lib/node_modules"), { recursive: true });
            await unpack("npm", options.npm, join(dir, "tree/lib/node_modules/npm"), { ...context, signal });
          }
          const versions = await versionsInHeaders(join(dir, "tree/include/node"));
          progress.update({ detail: "writing the file system" });
          await writeImage(dir, signal);
          return {
            version,
            ...options,
            versions,
          } satisfies z.infer<typeof aboutSchema>;
        },
      ),
  );
  const about = aboutSchema.parse(entry.about);
  return {
    version,
    libuv: about.versions.uv ?? "unknown",
    versions: about.versions,
    npm: about.npm,
    id: entry.key,
    dir: join(entry.dir, "tree"),
    image: join(entry.dir, "node.ext4"),
  };
}

/** Names a Node release, with the npm that goes with it, among the runtimes of the cache. */
export function nodeKey(version: string, npm: string | undefined): string {
  return `node-${version}-${keyOf({ recipe, version, npm })}`;
}

/**
 * Every Node release that the registry has, oldest first.
 *
 * @throws {InfraError} when the registry is out of reach.
 */
export async function listNodeVersions(context: Context): Promise<string[]> {
  const { stdout } = await command(["npm", "view", nodePackage, "versions", "--json"], {
    within: timeouts.make.fetch,
    signal: context.signal,
  });
  return z
    .array(z.string())
    .parse(JSON.parse(stdout))
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version))
    .sort(compareVersions);
}

/**
 * The libuv of each Node release that was ever fetched here. No list of the registry has it, so that of others
 * is not known without fetching them.
 *
 * @example (await knownLibuv(context)).get("20.9.0") // "1.46.0"
 */
export async function knownLibuv(context: Pick<Context, "settings">): Promise<ReadonlyMap<string, string>> {
  const known = new Map<string, string>();
  for (const entry of await runtimeStore(context).list()) {
    const about = aboutSchema.safeParse(entry.about);
    if (about.success && about.data.versions.uv !== undefined)
      known.set(about.data.version, about.data.versions.uv);
  }
  return known;
}

async function newestOfLine(line: string, context: Context): Promise<string> {
  const versions = await listNodeVersions(context);
  const newest = versions.filter((version) => version.startsWith(`${line}.`)).at(-1);
  if (newest === undefined) throw unknownVersion(line, versions);
  return newest;
}

function unknownVersion(version: string, known: readonly string[]): UsageError {
  return new UsageError(`there is no Node ${version}`, {
    next: `Releases near it: ${nearestVersions(version, known).join(", ")}.`,
  });
}

async function unpack(name: string, version: string, to: string, context: Context): Promise<void> {
  const { signal } = context;
  const draft = `${to}.part`;
  await mkdir(draft, { recursive: true });
  const argv = [
    "npm",
    "pack",
    `${name}@${version}`,
    "--json",
    "--ignore-scripts",
    "--pack-destination",
    draft,
  ];
  const packed = await command(argv, { within: timeouts.make.fetch, signal, cwd: draft }).catch(
    async (error: unknown) => {
      if (/ETARGET|E404|No matching version/.test(messageOf(error))) {
        if (name === nodePackage) throw unknownVersion(version, await listNodeVersions(context));
        throw new UsageError(`there is no ${name} ${version} in the registry`, {
          next: `See \`npm view ${name} versions\` for those that exist.`,
        });
      }
      throw error;
    },
  );
  const file = readPacked(packed.stdout, `${name}@${version}`);
  const tarball = join(draft, file.filename);
  await checkIntegrity(tarball, file.integrity, `${name}@${version}`);
  await command(["tar", "-xzf", tarball, "--no-same-owner", "-C", draft], {
    within: timeouts.host.files,
    signal,
  });
  await rename(join(draft, "package"), to);
  await rm(draft, { recursive: true, force: true });
}

/** Integrity as npm writes it. @see https://www.w3.org/TR/SRI/ */
async function checkIntegrity(path: string, integrity: string, what: string): Promise<void> {
  const [algorithm = "", expected = ""] = integrity.split("-", 2);
  const found = createHash(algorithm)
    .update(await readFile(path))
    .digest("base64");
  if (found !== expected) {
    throw new InfraError(
      `the download of ${what} is not what the registry promised: expected ${integrity}, found ${algorithm}-${found}`,
      {
        next: "Run again; if it stays, clear npm's cache with `npm cache clean --force`.",
      },
    );
  }
}

async function writeImage(dir: string, signal: AbortSignal): Promise<void> {
  const tree = join(dir, "tree");
  const lean = join(dir, "lean");
  // A guest runs node and npm; headers and manuals stay on the host.
  await mkdir(lean);
  for (const part of ["bin", "lib"]) {
    if (!(await stat(join(tree, part)).catch(() => undefined))) continue;
    await command(["cp", "-a", join(tree, part), lean], { within: timeouts.host.files, signal });
  }
  await writeDisk({ tree: lean, to: join(dir, "node.ext4"), label: "dstate-node", signal });
  await rm(lean, { recursive: true, force: true });
}
