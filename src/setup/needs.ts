import { guestPlatform } from "../platform/platforms.ts";

/** Something of the host that dstate uses. */
export interface Need {
  /**
   * What is looked for: a program on PATH or below `beside`, in a folder for each version of it; a header that the
   * compiler finds; or a file that the settings name.
   */
  readonly look:
    | { readonly program: string; readonly beside?: string }
    | { readonly header: string }
    | { readonly setting: "busybox" | "debianKeyring"; readonly name: string };
  /** The Debian package that has it. */
  readonly package: string;
  readonly for: string;
  /** Which work cannot be done without it. */
  readonly part:
    | "machines"
    | "images"
    | "kernel builds"
    | "kernel packages"
    | "logs"
    | "repros"
    | "nix"
    | "memory"
    | "pages"
    | "servers"
    | "packages of the tests";
}

/** Everything dstate asks of a host, in one list: `dstate doctor` shows it, `dstate setup` installs it. */
export const needs: readonly Need[] = [
  need(guestPlatform.qemu.program, guestPlatform.qemu.debianPackage, "runs the machines", "machines"),
  need("qemu-img", "qemu-utils", "layers of disks", "machines"),
  need("setpriv", "util-linux", "ends QEMU when dstate dies", "machines"),
  need("mkfifo", "coreutils", "keeps what a console prints", "machines"),
  need("flock", "util-linux", "lets one process at a time make a cache entry", "images"),
  need("mke2fs", "e2fsprogs", "writes file systems without root", "images"),
  need("mmdebstrap", "mmdebstrap", "makes Debian images without root", "images"),
  need("newuidmap", "uidmap", "lets mmdebstrap work without root", "images"),
  {
    ...need("", "debian-archive-keyring", "checks the Debian archive's signatures", "images"),
    look: { setting: "debianKeyring", name: "the Debian archive's keys" },
  },
  need("fakeroot", "fakeroot", "keeps owners of files without root", "images"),
  need("tar", "tar", "unpacks sources and images", "images"),
  need("gpgv", "gpgv", "checks the Debian archive's signatures", "kernel packages"),
  need("dpkg-deb", "dpkg", "unpacks kernel packages", "kernel packages"),
  need("bsdtar", "libarchive-tools", "unpacks other distributions' packages", "kernel packages"),
  need("cpio", "cpio", "makes initramfs images", "kernel packages"),
  need("modinfo", "kmod", "finds out which modules need which", "kernel packages"),
  need("zstd", "zstd", "unpacks kernels and modules", "kernel packages"),
  {
    ...need("busybox", "busybox-static", "is all there is in our initramfs", "kernel packages"),
    look: { setting: "busybox", name: "busybox, static" },
  },
  need("gcc", "gcc", "compiles kernels", "kernel builds"),
  need("make", "make", "builds kernels", "kernel builds"),
  need("flex", "flex", "kernel configuration", "kernel builds"),
  need("bison", "bison", "kernel configuration", "kernel builds"),
  need("bc", "bc", "kernel build", "kernel builds"),
  need("git", "git", "reads kernel trees", "kernel builds"),
  need("ccache", "ccache", "makes going back to a commit cheap", "kernel builds"),
  need("xz", "xz-utils", "unpacks kernel sources", "kernel builds"),
  need("perl", "perl-base", "kernel build", "kernel builds"),
  {
    ...need("", "libelf-dev", "objtool of the kernel build", "kernel builds"),
    look: { header: "libelf.h" },
  },
  {
    ...need("", "libc6-dev", "host programs of the kernel build", "kernel builds"),
    look: { header: "stdio.h" },
  },
  need("bzip2", "bzip2", "unpacks logs", "logs"),
  need("lz4", "lz4", "unpacks logs", "logs"),
  need("g++", "g++", "compiles workloads in C++", "repros"),
  need(guestPlatform.qemu.userProgram, "qemu-user", "is another system call layer for workloads", "repros"),
  need("readelf", "binutils", "reads what programs ask of their system", "repros"),
  need("nix", "nix-bin", "evaluates the flake in the tests", "nix"),
  need("gpg", "gnupg", "signs packages and indexes in the tests", "packages of the tests"),
  need("drgn", "python3-drgn", "reads a wedged machine's memory for `dstate why`", "memory"),
  need("gdb", "gdb", "looks into a kept machine", "memory"),
  need("xmllint", "libxml2-utils", "checks JUnit XML in the tests", "pages"),
  need("docker-registry", "docker-registry", "holds a cache in the tests", "servers"),
  {
    // Debian keeps the server out of PATH; psql is there with the client alone.
    ...need("", "postgresql", "holds a queue in the tests", "servers"),
    look: { program: "postgres", beside: "/usr/lib/postgresql" },
  },
  need("chromium", "chromium", "opens the page of `dstate show` in the tests", "pages"),
];

/** A need as tables name it. @example nameOf(need) // "qemu-system-x86_64" */
export function nameOf({ look }: Need): string {
  if ("program" in look) return look.program;
  return "header" in look ? look.header : look.name;
}

/** Everything that `npm start` needs, or that the tests need as well; or only some work. */
export type Purpose = "work" | "tests" | readonly Need["part"][];

const onlyTests: ReadonlySet<Need["part"]> = new Set([
  "nix",
  "memory",
  "packages of the tests",
  "pages",
  "servers",
]);

/**
 * The needs for a purpose: only the tests need Nix, which users of Debian guests can do without, a browser, servers, and
 * what reads a machine's memory, which is asked for when it is missing.
 *
 * @example needsFor("work").some(({ part }) => part === "nix") // false
 */
export function needsFor(purpose: Purpose): readonly Need[] {
  if (typeof purpose !== "string") return needs.filter(({ part }) => purpose.includes(part));
  return purpose === "tests" ? needs : needs.filter(({ part }) => !onlyTests.has(part));
}

function need(program: string, packageName: string, purpose: string, part: Need["part"]): Need {
  return { look: { program }, package: packageName, for: purpose, part };
}

/**
 * The Debian packages that provide a list of needs, each once.
 *
 * @example packagesFor(needs.filter((need) => need.part === "machines"))
 */
export function packagesFor(list: readonly Need[]): string[] {
  return [...new Set(list.map((item) => item.package))].sort();
}
