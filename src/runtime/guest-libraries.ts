import { guestPlatform } from "../platform/platforms.ts";

/** What the libraries of a guest offer to a program that was linked elsewhere. */
export interface GuestLibraries {
  /** How people call the guest's system. */
  readonly system: string;
  /** The release of GCC whose C++ library it has. */
  readonly gcc: string;
  /** The newest version of each kind of versioned symbol. */
  readonly newest: Readonly<Record<string, string>>;
}

/**
 * The C and C++ libraries of the images, by suite: libc6, libstdc++6 and libgcc-s1. A test holds it against the
 * libraries themselves. NixOS guests have newer ones.
 */
export const librariesOf: Readonly<Record<string, GuestLibraries>> = {
  bookworm: {
    system: "Debian 12",
    gcc: "12",
    newest: { GLIBC: "2.36", GLIBCXX: "3.4.30", CXXABI: "1.3.13", GCC: "12.0.0" },
  },
};

/** Which packages of the image have these libraries: symbols of all others are the workload's own affair. */
const versioned = /^(lib(c|m|dl|rt|pthread|resolv|util|anl|mvec|stdc\+\+|gcc_s)|ld-linux[-\w]*)\.so\./;

/** Libraries that come with a compiler and that no image has. */
const ofCompilers = /^lib(asan|tsan|ubsan|lsan|hwasan|gomp|atomic|quadmath|itm|ssp|gfortran|backtrace)\.so\./;

/** Loaders that the images have, where a linker looks for them when nothing else is said. */
const loaders = new Set(Object.values(guestPlatform.cLibraries).map(({ loader }) => loader));

/** What an ELF file asks of the system it is started on. */
export interface LinkedAgainst {
  /** The loader it names; a library, or a program that is linked statically, names none. */
  readonly loader: string | undefined;
  readonly libraries: readonly string[];
  /** Versions of symbols, by library. */
  readonly versions: readonly { readonly library: string; readonly version: string }[];
}

/**
 * What an ELF file asks for, from `readelf --wide --program-headers --dynamic --version-info`.
 *
 * @see https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
 */
export function parseLinkedAgainst(text: string): LinkedAgainst {
  const [, needs = ""] = text.split(/^Version needs section /m);
  const versions: { library: string; version: string }[] = [];
  let library = "";
  for (const line of needs.split("\n")) {
    library = /\bFile: (\S+)/.exec(line)?.[1] ?? library;
    const version = /\bName: (\S+)\s+Flags:/.exec(line)?.[1];
    if (version !== undefined) versions.push({ library, version });
  }
  return {
    loader: /\[Requesting program interpreter: (.+)\]/.exec(text)?.[1],
    libraries: [...text.matchAll(/\(NEEDED\)\s+Shared library: \[(.+)\]/g)].map(([, name = ""]) => name),
    versions,
  };
}

/**
 * Why a file would not start in a guest, one phrase a reason; none: it would.
 *
 * @example unmet(parseLinkedAgainst(text), librariesOf.bookworm) // ["GLIBC_2.38 of libc.so.6 (it has up to GLIBC_2.36)"]
 */
export function unmet(linked: LinkedAgainst, guest: GuestLibraries): string[] {
  const { loader, libraries, versions } = linked;
  return [
    ...(loader === undefined || loaders.has(loader) ? [] : [`the loader ${loader}`]),
    ...libraries.filter((name) => ofCompilers.test(name)).map((name) => `the library ${name}`),
    ...versions.flatMap(({ library, version }) => {
      if (!versioned.test(library)) return [];
      const [, kind = "", number = ""] = /^(\w+?)_([\d.]+)$/.exec(version) ?? [];
      const newest = guest.newest[kind];
      if (newest !== undefined && compareNumbers(number, newest) <= 0) return [];
      const has = newest === undefined ? "" : ` (it has up to ${kind}_${newest})`;
      return [`${version} of ${library}${has}`];
    }),
  ];
}

function compareNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  for (let index = 0; index < Math.max(left?.length ?? 0, right?.length ?? 0); index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
