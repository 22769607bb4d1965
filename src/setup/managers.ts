import { guestPlatform } from "../platform/platforms.ts";

/** How a kind of system installs packages. */
export interface PackageManager {
  /** Its program, by which it is known. */
  readonly program: "apt-get" | "dnf" | "pacman" | "zypper" | "apk";
  /** Whose it is, for people. */
  readonly systems: string;
  /** `tried`: on such a system, by `npm run test:hosts`. `untried`: its names were only read. */
  readonly state: "tried" | "untried";
  /** The words before the packages. */
  readonly install: string;
  /** Its names for Debian's packages where they differ; undefined: it has none. */
  readonly names: Readonly<Record<string, string | undefined>>;
}

const { qemu } = guestPlatform;
const qemuOf = (manager: keyof typeof qemu.otherPackages): Record<string, string> => ({
  [qemu.debianPackage]: qemu.otherPackages[manager].program,
  "qemu-user": qemu.otherPackages[manager].userProgram,
});

/**
 * One row a package manager. The names of all but Debian's were read in public lists and build files, and installed by
 * nobody here. Where there is no mmdebstrap, Debian images cannot be made.
 */
export const packageManagers: readonly PackageManager[] = [
  {
    program: "apt-get",
    systems: "Debian (Ubuntu has the same names)",
    state: "tried",
    install: "apt-get update && apt-get install -y --no-install-recommends",
    names: {},
  },
  {
    program: "dnf",
    systems: "Fedora",
    state: "untried",
    install: "dnf install -y",
    names: {
      ...qemuOf("dnf"),
      "qemu-utils": "qemu-img",
      uidmap: "shadow-utils",
      "debian-archive-keyring": "debian-keyring",
      "libarchive-tools": "bsdtar",
      gnupg: "gnupg2",
      gpgv: "gnupg2",
      "busybox-static": "busybox",
      "xz-utils": "xz",
      "perl-base": "perl",
      "libelf-dev": "elfutils-libelf-devel",
      "libc6-dev": "glibc-devel",
      "g++": "gcc-c++",
      "python3-drgn": "drgn",
      "nix-bin": "nix",
    },
  },
  {
    program: "pacman",
    systems: "Arch Linux",
    state: "untried",
    install: "pacman -S --needed",
    names: {
      ...qemuOf("pacman"),
      "qemu-utils": "qemu-img",
      mmdebstrap: undefined,
      uidmap: "shadow",
      "libarchive-tools": "libarchive",
      gpgv: "gnupg",
      "busybox-static": "busybox",
      "xz-utils": "xz",
      "perl-base": "perl",
      "libelf-dev": "libelf",
      "libc6-dev": "glibc",
      "g++": "gcc",
      "python3-drgn": "drgn",
      "nix-bin": "nix",
    },
  },
  {
    program: "zypper",
    systems: "openSUSE",
    state: "untried",
    install: "zypper install",
    names: {
      ...qemuOf("zypper"),
      "qemu-utils": "qemu-img",
      mmdebstrap: undefined,
      uidmap: "shadow",
      "debian-archive-keyring": undefined,
      "libarchive-tools": "bsdtar",
      gnupg: "gpg2",
      gpgv: "gpg2",
      "xz-utils": "xz",
      "perl-base": "perl",
      "libelf-dev": "libelf-devel",
      "libc6-dev": "glibc-devel",
      "g++": "gcc-c++",
      "nix-bin": undefined,
    },
  },
  {
    program: "apk",
    systems: "Alpine Linux",
    state: "untried",
    install: "apk add",
    names: {
      ...qemuOf("apk"),
      "qemu-utils": "qemu-img",
      mmdebstrap: undefined,
      uidmap: "shadow-uidmap",
      "xz-utils": "xz",
      "perl-base": "perl",
      "libelf-dev": "elfutils-dev",
      "libc6-dev": "musl-dev",
      "python3-drgn": undefined,
      "nix-bin": "nix",
    },
  },
];

/** A manager's names for Debian packages, and those that it has no name for. */
export interface NamedPackages {
  readonly names: readonly string[];
  readonly none: readonly string[];
}

/**
 * What a package manager calls Debian's packages.
 *
 * @example namePackages(dnf, ["g++", "gcc"]) // { names: ["gcc", "gcc-c++"], none: [] }
 */
export function namePackages(manager: PackageManager, debian: readonly string[]): NamedPackages {
  const named = debian.map((name) => ({
    name,
    here: Object.hasOwn(manager.names, name) ? manager.names[name] : name,
  }));
  const names = named.flatMap(({ here }) => here ?? []);
  return {
    names: [...new Set(names)].sort(),
    none: named.filter(({ here }) => here === undefined).map(({ name }) => name),
  };
}

/** The one line that installs packages, for root. @example installLine(apt, ["gcc"]) */
export function installLine(manager: PackageManager, names: readonly string[]): string {
  return `${manager.install} ${names.join(" ")}`;
}
