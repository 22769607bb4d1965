import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { CommandError, command } from "../../src/base/command.ts";
import type { Duration } from "../../src/base/duration.ts";
import { readSettings } from "../../src/base/settings.ts";

/**
 * A host that has none of the places of ordinary Linux, as NixOS has none: `/usr`, `/lib64` and `/lib` are empty, and
 * all there is in `/bin` is `sh`. Every program is in a folder of its own, with its libraries and a loader beside it,
 * as in a Nix store.
 */
export interface BareHost extends AsyncDisposable {
  /** Run a program there; the checkout is the working folder. What it printed, and how it ended. */
  run(argv: readonly string[], options: BareRun): Promise<BareOutput>;
}

export interface BareRun {
  readonly within: Duration;
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

export interface BareOutput {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BareHostOptions {
  /** Names on PATH. */
  readonly programs: readonly string[];
  /** The checkout. */
  readonly home: string;
  /** A folder that is seen at the same place, and can be written to. */
  readonly shared: readonly string[];
  readonly signal: AbortSignal;
}

/** As long as the loader's usual path, which is written over in each program. */
const store = "/tools";
const loader = "/lib64/ld-linux-x86-64.so.2";
const ownLoader = `${store}/ld-linux-x86-64.so.2`;

/** Namespaces of its own and pivot_root, which util-linux 2.42 has no program for; nothing of this machine's system is left in sight. */
const enterScript = `
set -eu
root=$1 folder=$2 busybox=$3
shift 3
mount --bind "$root" "$root"
for place in dev sys; do mount --rbind "/$place" "$root/$place"; done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : > "$root$1"; fi
  mount --rbind "$1" "$root$1"
  shift
done
shift
cd "$root"
mkdir -p .outside
"$busybox" pivot_root . .outside
cd "$folder"
exec ${store}/bin/sh -c '
  ${store}/bin/umount -l /.outside
  ${store}/bin/rmdir /.outside
  exec "$@"
' sh "$@"
`;

/** How this machine reaches the network, and npm its registry. */
const networkVariables =
  /^(https?_proxy|no_proxy|all_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|npm_config_.*|DSTATE_KERNEL_PLACES)$/i;
const networkFiles = ["/etc/resolv.conf", "/etc/ssl", "/etc/hosts", join(process.env.HOME ?? "/", ".npmrc")];

/** Make such a host of this machine's own programs. */
export async function openBareHost(options: BareHostOptions): Promise<BareHost> {
  const { programs, home, shared, signal } = options;
  const dir = await mkdtemp(join(tmpdir(), "dstate-bare-"));
  const root = join(dir, "root");
  const at = (path: string): string => join(root, path);
  const standing = ["bin", "lib64", "lib", "usr", "etc", "dev", "proc", "sys", "tmp", "home", `${store}/bin`];
  for (const folder of [...standing, `${store}/lib`]) await mkdir(at(folder), { recursive: true });
  const libraries = new Set<string>();
  const add = async (from: string, name: string): Promise<void> => {
    const to = at(`${store}/bin/${name}`);
    await cp(await realpath(from), to);
    await chmod(to, 0o755);
    await adopt(to);
    for (const library of await librariesOf(from, signal)) libraries.add(library);
  };
  for (const program of [...programs, "sh", "umount", "rmdir"]) await add(await placeOf(program), program);
  await add(process.execPath, "node");
  await addCompiler(at(store), libraries, signal);
  await addNpm(at(store));
  // QEMU looks for its parts beside itself: its firmware in one folder or another.
  for (const folder of ["/usr/share/seabios", "/usr/share/qemu"]) {
    const to = at(`${store}/share/qemu`);
    await cp(folder, to, { recursive: true, dereference: true }).catch(() => {});
  }
  const modules = "lib/x86_64-linux-gnu/qemu";
  await cp(join("/usr", modules), at(join(store, modules)), { recursive: true }).catch(() => {});
  // What is loaded later, such as an addon of Node, finds the C library's other parts where that is.
  const glibc = dirname(await realpath(loader));
  const parts = ["dl.so.2", "m.so.6", "pthread.so.0", "rt.so.1", "util.so.1", "resolv.so.2", "gcc_s.so.1"];
  for (const library of await there(parts.map((part) => join(glibc, `lib${part}`)))) libraries.add(library);
  for (const library of libraries)
    await cp(library, at(`${store}/lib/${basename(library)}`), { dereference: true });
  await cp(await realpath(loader), at(ownLoader));
  await cp(at(`${store}/bin/sh`), at("/bin/sh"));
  await writeFile(at("etc/passwd"), "root:x:0:0::/home/me:/bin/sh\n");
  await writeFile(at("etc/group"), "root:x:0:\n");
  await writeFile(at("etc/ld.so.conf"), `${store}/lib\n`);
  await command(["ldconfig", "-r", root], { within: "1m", signal });
  const network = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => networkVariables.test(name)),
  );
  return {
    run: async (argv, { within, signal, env }) => {
      const unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
      const binds = [home, ...shared, ...(await there(networkFiles))];
      const inside = ["sh", "-c", enterScript, "sh", root, home, readSettings().busybox, ...binds, "--"];
      const clean = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
      const own = { ...network, HOME: process.env.HOME, PATH: `${store}/bin`, ...env };
      const settings = Object.entries(own).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}=${value}`],
      );
      try {
        return {
          code: 0,
          ...(await command([...unshare, "--", ...inside, `${store}/bin/env`, "-i", ...settings, ...argv], {
            within,
            signal,
            env: { ...clean, PATH: process.env.PATH },
          })),
        };
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        return { code: error.code, stdout: error.stdout, stderr: error.stderr };
      }
    },
    [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true, force: true }),
  };
}

async function placeOf(program: string): Promise<string> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const [found] = await there(folders.map((folder) => join(folder, program)));
  if (found === undefined) throw new Error(`this machine has no ${program}`);
  return found;
}

async function there(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map(async (path) => ((await realpath(path).catch(() => undefined)) === undefined ? [] : [path])),
  );
  return found.flat();
}

/** Make a program look for its loader, or its interpreter, in the store. */
async function adopt(path: string): Promise<void> {
  const image = await readFile(path);
  if (image.toString("latin1", 0, 2) === "#!") {
    const [first = "", ...rest] = image.toString("utf8").split("\n");
    const [interpreter = "", ...words] = first.slice(2).trim().split(/\s+/);
    const line = [`#!${store}/bin/${basename(interpreter)}`, ...words].join(" ");
    await writeFile(path, [line, ...rest].join("\n"));
    return;
  }
  const place = image.indexOf(`${loader}\0`);
  if (place < 0) return;
  await using file = await open(path, "r+");
  await file.write(Buffer.from(ownLoader), 0, ownLoader.length, place);
}

async function librariesOf(path: string, signal: AbortSignal): Promise<string[]> {
  const listed = await command(["ldd", await realpath(path)], { within: "30s", signal }).catch(
    () => undefined,
  );
  return [...(listed?.stdout.matchAll(/=> (\/\S+)/g) ?? [])].flatMap(([, library]) => library ?? []);
}

/** gcc finds its parts from where it is itself. */
async function addCompiler(to: string, libraries: Set<string>, signal: AbortSignal): Promise<void> {
  const ask = async (option: string): Promise<string> =>
    dirname((await command(["gcc", option], { within: "10s", signal })).stdout.trim());
  // Both are one folder with an older gcc; a newer one has its programs in libexec.
  const folders = [
    { from: await ask("-print-prog-name=cc1"), wanted: /^(cc1|collect2|lto-wrapper|liblto_plugin\.so)$/ },
    { from: await ask("-print-libgcc-file-name"), wanted: /^(include|crt.*\.o|lib(gcc|atomic).*)$/ },
  ];
  for (const { from, wanted } of folders) {
    const [, above = "lib"] = /\/(lib|libexec)\/gcc\//.exec(from) ?? [];
    const inside = join(to, above, "gcc/x86_64-linux-gnu", basename(from));
    await mkdir(inside, { recursive: true });
    for (const { name } of await readdir(from, { withFileTypes: true })) {
      if (!wanted.test(name)) continue;
      await cp(join(from, name), join(inside, name), { recursive: true, dereference: true });
      if (!["cc1", "collect2", "lto-wrapper"].includes(name)) continue;
      await adopt(join(inside, name));
      for (const library of await librariesOf(join(from, name), signal)) libraries.add(library);
    }
  }
}

/** npm is JavaScript, which the host's node runs. */
async function addNpm(to: string): Promise<void> {
  const cli = await realpath(await placeOf("npm"));
  const folder = dirname(dirname(cli));
  // Debian has the modules of its npm beside it, each a package.
  const isAlone = basename(dirname(folder)) === "node_modules";
  const from = isAlone ? folder : dirname(folder);
  const modules = join(to, "lib/node_modules");
  await cp(from, isAlone ? join(modules, "npm") : modules, { recursive: true, verbatimSymlinks: true });
  const script = `#!${store}/bin/sh\nexec ${store}/bin/node ${store}/lib/node_modules/npm/bin/npm-cli.js "$@"\n`;
  await writeFile(join(to, "bin/npm"), script, { mode: 0o755 });
}
