import { mkdir, readdir, readFile, readlink, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { command, MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { keyOf, Store, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { debianRoots } from "../supply/debian-roots.ts";
import { type GuestLibraries, librariesOf } from "./guest-libraries.ts";

/** Raised when the code below makes something else of the same packages. */
const recipe = 2;

/** Headers, start files and libraries of a guest's system, for compilers of this host. */
export interface Sysroot {
  readonly dir: string;
  /** Makes gcc compile for musl in place of glibc. */
  readonly muslSpecs: string;
  readonly libraries: GuestLibraries;
}

/** What a guest's workloads are linked with: the sysroot, where this host can make one. */
export type GuestTarget =
  | { readonly type: "sysroot"; readonly sysroot: Sysroot }
  /** This host has no mmdebstrap: its own libraries are used, and what comes out is held against the guest's. */
  | { readonly type: "host"; readonly libraries: GuestLibraries };

/**
 * The C and C++ libraries of the guests' own Debian release, with their headers, from the Debian archive: what is
 * compiled against them runs in a guest, however new this host is. mmdebstrap extracts the packages, and apt checks
 * them by the archive's signature; nothing is installed or run, so neither root nor namespaces are needed.
 *
 * @throws {InfraError} when the archive is out of reach, or the disk is full.
 * @see https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html (--sysroot)
 * @example const target = await provideGuestTarget(context);
 */
export async function provideGuestTarget(context: Context): Promise<GuestTarget> {
  const { suite } = z
    .object({ suite: z.string() })
    .parse(JSON.parse(await readFile(join(context.settings.homeDir, "vm/debian/packages.json"), "utf8")));
  const libraries = librariesOf[suite];
  if (!libraries) throw new InfraError(`nothing is known of the libraries of Debian ${suite}`);
  const packages = ["libc6-dev", `libstdc++-${libraries.gcc}-dev`, "musl-dev"];
  const store = new Store(join(context.settings.cacheDir, "sysroots"));
  try {
    const entry = await store.findOrMake(
      `${suite}-${keyOf({ recipe, suite, packages })}`,
      { within: timeouts.make.sysroot, signal: context.signal, onCorrupt: sayMadeAnew(context) },
      async (dir, signal) =>
        await longStep(
          context,
          { title: `get the C library of ${libraries.system}`, kind: "sysroot", guess: "30s" },
          async (progress) => {
            progress.update({ detail: "mmdebstrap: fetching and unpacking packages" });
            await extract({ suite, packages, gcc: libraries.gcc, dir }, { ...context, signal });
            return { suite, packages };
          },
        ),
    );
    const files = { dir: join(entry.dir, "root"), muslSpecs: join(entry.dir, "musl.specs") };
    return { type: "sysroot", sysroot: { ...files, libraries } };
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error;
    return { type: "host", libraries };
  }
}

interface Extraction {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly gcc: string;
  readonly dir: string;
}

async function extract({ suite, packages, gcc, dir }: Extraction, context: Context): Promise<void> {
  const { signal, settings } = context;
  const { main, security } = await debianRoots(context);
  const tar = join(dir, "root.tar");
  // mmdebstrap(1): the variant `extract` unpacks what is asked for and what that depends on, and configures nothing.
  const how = ["--mode=chrootless", "--variant=extract", "--format=tar", "--quiet"];
  if (settings.debianKeyring !== undefined) how.push(`--keyring=${settings.debianKeyring}`);
  const sources = [
    `deb ${main} ${suite} main`,
    `deb ${main} ${suite}-updates main`,
    `deb ${security} ${suite}-security main`,
  ];
  const argv = ["mmdebstrap", ...how, `--include=${packages.join(",")}`, suite, tar, ...sources];
  // It refuses root since Debian 13, for a script of a package would act on this host. Here none is run.
  await command(process.getuid?.() === 0 ? ["fakeroot", "--", ...argv] : argv, {
    within: timeouts.make.sysroot,
    signal,
    ending: "orderly",
    install: "Install mmdebstrap and fakeroot: `dstate setup`.",
  });
  const root = join(dir, "root");
  await mkdir(root);
  const { glibc, musl } = guestPlatform.cLibraries;
  const ofGcc = `./usr/lib/gcc/${glibc.tuple}/${gcc}`;
  const wanted = ["./lib", "./lib64", "./usr/include", `./usr/lib/${glibc.tuple}`, `./usr/lib/${musl.tuple}`];
  const cxx = ["libstdc++.a", "libstdc++fs.a", "libsupc++.a"];
  const members = [...wanted, ...cxx.map((name) => `${ofGcc}/${name}`)];
  await command(["tar", "-xf", tar, "-C", root, "--no-same-owner", ...members], {
    within: timeouts.host.files,
    signal,
  });
  await rm(tar);
  // A compiler looks where the C library is, and would find its own release's elsewhere first.
  const libraries = join(root, "usr/lib", glibc.tuple);
  for (const name of cxx) await rename(join(root, ofGcc, name), join(libraries, name));
  await rm(join(root, "usr/lib/gcc"), { recursive: true });
  await symlink("libstdc++.so.6", join(libraries, "libstdc++.so"));
  // musl's linker looks below /usr alone, which is where a root with one /usr has its C library. Without it a program
  // would be linked statically, without a word, and could load nothing.
  await symlink(
    relative(`usr/lib/${musl.tuple}`, `lib/${musl.tuple}/libc.so`),
    join(root, "usr/lib", musl.tuple, "libc.so"),
  );
  await keepLinksInside(root);
  await writeFile(join(dir, "musl.specs"), muslSpecs(await readFile(join(root, muslSpecsOfDebian), "utf8")));
}

const muslSpecsOfDebian = `usr/lib/${guestPlatform.cLibraries.musl.tuple}/musl-gcc.specs`;

/**
 * musl's specs for gcc name absolute paths; `%R` stands for the sysroot.
 *
 * @see https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html
 */
export function muslSpecs(text: string): string {
  return text.replaceAll("/usr/", "%R/usr/");
}

/** An absolute link, such as the loader's, would lead out of the sysroot to a file of this host. */
async function keepLinksInside(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const target = await readlink(path);
    if (!target.startsWith("/")) continue;
    await unlink(path);
    await symlink(relative(dirname(path), join(root, target)), path);
  }
}
