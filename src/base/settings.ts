import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { UsageError } from "./errors.ts";
import { ownHome } from "./home.ts";
import { parseRegistryAddress, type RegistryAddress } from "./registry-address.ts";
import { isSize, type Size, toBytes } from "./size.ts";

/** The systems that guests can have; src/image has a row of its table for each. The first one is the default. */
export const imageKinds = ["debian", "nixos"] as const;
export type ImageKind = (typeof imageKinds)[number];

/** Where things are kept and fetched from. Read once, at the program's edge, and passed down. */
export interface Settings {
  /** Trace every command on the host and in guests. */
  readonly debug: boolean;
  /** Colours may be used on a terminal: neither NO_COLOR nor TERM=dumb says otherwise. @see https://no-color.org */
  readonly colour: boolean;
  /** A terminal here can move its cursor. */
  readonly movingLines: boolean;
  /** Downloads, kernels, images, runtimes, snapshots: everything that can be made again. */
  readonly cacheDir: string;
  /** Sockets and other short-lived files of machines; a short path, for UNIX sockets hold 107 bytes. */
  readonly runtimeDir: string;
  /** What guests write to their private disks, gone with each machine: below the cache, for /tmp may be memory. */
  readonly layersDir: string;
  /** One folder a run: the evidence. */
  readonly logsDir: string;
  /** The checkout or the installed package: `vm/` is below it. */
  readonly homeDir: string;
  /** Places that hold `linux-<version>.tar.xz` in kernel.org's layout, first one first. */
  readonly kernelPlaces: readonly string[];
  /** Git trees of kernels that are looked through for a release that is not pinned, first one first. */
  readonly kernelTrees: readonly string[];
  /** Root of a Debian archive; undefined: the one this machine's apt uses. */
  readonly debianMirror: string | undefined;
  /** The Debian archive's keys; undefined: where Debian's package debian-archive-keyring has them. */
  readonly debianKeyring: string | undefined;
  /** Other places of distributions' packages, by a distribution's name. */
  readonly mirrors: Readonly<Record<string, string>>;
  /** Other places of distributions' keys: files, or for Alpine a folder of them. */
  readonly keyrings: Readonly<Record<string, string>>;
  /** A statically linked busybox, which is all there is in our initramfs. */
  readonly busybox: string;
  /** Where programs are looked for, as in PATH. */
  readonly path: string;
  /** What guests are where nobody says otherwise, as DSTATE_IMAGE has it; undefined: the first of {@link imageKinds}. */
  readonly image: ImageKind | undefined;
  /** Bytes that all machines of this user may take together; undefined: what the host has room for. */
  readonly memory: number | undefined;
  /** How many times slower this host is than the table of time-outs expects; undefined: it is measured. */
  readonly slowdown: number | undefined;
  /** A registry that finished parts are taken from before they are made here; undefined: none. */
  readonly cacheRegistry: RegistryAddress | undefined;
  /** Ask any registry over http. */
  readonly plainHttp: boolean;
  /** Give what is made here to the registry. */
  readonly cachePush: boolean;
  /** Make nothing that others could have made: what is neither in the cache nor in the registry is not there. */
  readonly takeOnly: boolean;
  /** Files with the user's credentials for registries, as docker and podman keep them; the first that has some counts. */
  readonly dockerConfigs: readonly string[];
  /** A folder of finished Nix builds by name, where Nix itself cannot build: in its own sandbox. */
  readonly nixResults: string | undefined;
}

/** `NAME=VALUE` with spaces between them. */
const named = (value: string) =>
  z
    .string()
    .regex(
      /^\s*([a-z][a-z0-9-]*=\S+\s*)*$/,
      `expected NAME=VALUE with spaces between them, such as fedora=${value}`,
    )
    .transform((text) =>
      Object.fromEntries(
        text
          .split(/\s+/)
          .filter(Boolean)
          .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
      ),
    );

const environment = z.object({
  DSTATE_DEBUG: z.string().optional(),
  DSTATE_CACHE: z.string().min(1).optional(),
  DSTATE_LOGS: z.string().min(1).optional(),
  DSTATE_KERNEL_PLACES: z.string().optional(),
  DSTATE_KERNEL_TREE: z.string().optional(),
  DSTATE_DEBIAN_MIRROR: z.url().optional(),
  DSTATE_DEBIAN_KEYRING: z.string().min(1).optional(),
  DSTATE_MIRRORS: named("https://mirror/").optional(),
  DSTATE_KEYRINGS: named("/path/of/keys").optional(),
  DSTATE_BUSYBOX: z.string().min(1).optional(),
  DSTATE_IMAGE: z.enum(imageKinds).optional(),
  DSTATE_MEMORY: z
    .custom<Extract<Size, string>>(isSize, "expected a size such as 6GiB")
    .transform(toBytes)
    .optional(),
  DSTATE_SLOWDOWN: z.coerce
    .number("expected a number from 1 to 10, such as 2.5")
    .min(1, "expected a number from 1 to 10, such as 2.5")
    .max(10, "expected a number from 1 to 10, such as 2.5")
    .optional(),
  DSTATE_CACHE_REGISTRY: z.string().optional(),
  DSTATE_CACHE_PUSH: z.string().optional(),
  DSTATE_CACHE_PLAIN_HTTP: z.string().optional(),
  DOCKER_CONFIG: z.string().min(1).optional(),
  REGISTRY_AUTH_FILE: z.string().min(1).optional(),
  DSTATE_NIX_RESULTS: z.string().min(1).optional(),
  NO_COLOR: z.string().optional(),
  TERM: z.string().optional(),
  PATH: z.string().optional(),
  TMPDIR: z.string().min(1).optional(),
  XDG_CACHE_HOME: z.string().min(1).optional(),
});

/**
 * Settings from the environment. Nothing else of dstate reads it; programs of the host are handed it whole by
 * {@link file://./program.ts}.
 *
 * @throws {UsageError} when a variable's value cannot be used.
 * @example const { cacheDir } = readSettings();
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Settings {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UsageError(
      `the environment variable ${issue?.path.join(".")} cannot be used: ${issue?.message}`,
    );
  }
  const value = parsed.data;
  const registry = value.DSTATE_CACHE_REGISTRY ?? "";
  const plainHttp = isOn(value.DSTATE_CACHE_PLAIN_HTTP);
  const cacheDir = resolve(
    value.DSTATE_CACHE ?? join(value.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "dstate"),
  );
  return {
    debug: isOn(value.DSTATE_DEBUG),
    colour: (value.NO_COLOR ?? "") === "" && value.TERM !== "dumb",
    movingLines: value.TERM !== "dumb",
    cacheDir,
    layersDir: join(cacheDir, "layers"),
    runtimeDir: resolve(value.TMPDIR ?? "/tmp", `dstate-${process.getuid?.() ?? 0}`),
    logsDir: resolve(value.DSTATE_LOGS ?? join(cwd, "logs")),
    homeDir: ownHome(),
    kernelPlaces: (value.DSTATE_KERNEL_PLACES ?? "https://cdn.kernel.org/pub/linux/kernel")
      .split(/\s+/)
      .filter(Boolean),
    kernelTrees: (value.DSTATE_KERNEL_TREE ?? "")
      .split(":")
      .filter(Boolean)
      .map((tree) => resolve(cwd, tree)),
    debianMirror: value.DSTATE_DEBIAN_MIRROR,
    debianKeyring: value.DSTATE_DEBIAN_KEYRING,
    mirrors: value.DSTATE_MIRRORS ?? {},
    keyrings: value.DSTATE_KEYRINGS ?? {},
    busybox: value.DSTATE_BUSYBOX ?? "/bin/busybox",
    path: value.PATH ?? "/usr/bin:/bin",
    image: value.DSTATE_IMAGE,
    memory: value.DSTATE_MEMORY,
    slowdown: value.DSTATE_SLOWDOWN,
    cacheRegistry: registry === "" ? undefined : parseRegistryAddress(registry, { plainHttp }),
    plainHttp,
    cachePush: isOn(value.DSTATE_CACHE_PUSH),
    takeOnly: false,
    dockerConfigs: [
      ...(value.REGISTRY_AUTH_FILE === undefined ? [] : [value.REGISTRY_AUTH_FILE]),
      join(value.DOCKER_CONFIG ?? join(homedir(), ".docker"), "config.json"),
    ],
    nixResults: value.DSTATE_NIX_RESULTS,
  };
}

function isOn(text: string | undefined): boolean {
  return !["", "0"].includes(text ?? "");
}
