import { guestPlatform } from "../../platform/platforms.ts";

/** How a distribution's packages are listed and packed. */
export type PackageFormat = "apt" | "rpm" | "apk" | "arch";

/** The packages that make up one of a distribution's kernels. */
export interface KernelFlavour {
  /** As a user names it, after a slash; the first of a distribution needs no name. */
  readonly name: string;
  /** The package with the image. */
  readonly main: string;
  /** Those with its modules, where a repository has them in the same version. */
  readonly also: readonly string[];
}

/** A distribution whose kernels can be asked for by version. */
export interface Distribution {
  readonly title: string;
  readonly format: PackageFormat;
  /** Where its packages are, as it says itself; `DSTATE_MIRRORS` names another place. */
  readonly mirror: string;
  /** Folders of repositories below it; of apt the names of suites. */
  readonly repositories: readonly string[];
  /** A file at each repository that names the place where it really is. */
  readonly mirrorList?: string | undefined;
  /** Its keys, where its own package of them puts them; `DSTATE_KEYRINGS` names another place. */
  readonly keyring: string;
  readonly flavours: readonly [KernelFlavour, ...KernelFlavour[]];
}

const { machineName } = guestPlatform;

const suites = (names: readonly string[]): string[] =>
  names.flatMap((name) => [name, `${name}-updates`, `${name}-security`]);

const flavour = (name: string, main: string, also: readonly string[] = []): KernelFlavour => ({
  name,
  main,
  also,
});

/** As RHEL and what is made of it cut their kernel. */
const coreAndModules = flavour("core", "kernel-core", ["kernel-modules-core", "kernel-modules"]);

/** The distributions, by the word that stands before a version. Debian, which guests are made of, has its own source. */
export const distributions = {
  ubuntu: {
    title: "Ubuntu",
    format: "apt",
    mirror: "http://archive.ubuntu.com/ubuntu",
    repositories: suites(["jammy", "noble", "plucky", "questing", "resolute"]),
    keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    // Each build has packages with its own name: linux-image-6.8.0-51-generic.
    flavours: ["generic", "aws", "azure", "gcp"].map((name) =>
      flavour(name, `linux-image-*-${name}`, [`linux-modules-*-${name}`]),
    ) as [KernelFlavour, ...KernelFlavour[]],
  },
  fedora: {
    title: "Fedora",
    format: "rpm",
    mirror: "https://dl.fedoraproject.org/pub/fedora/linux",
    repositories: ["42", "43"].flatMap((release) => [
      `releases/${release}/Everything/${machineName}/os`,
      `updates/${release}/Everything/${machineName}`,
    ]),
    keyring: "/etc/pki/rpm-gpg/RPM-GPG-KEY-fedora",
    flavours: [coreAndModules],
  },
  amazon: {
    title: "Amazon Linux 2023",
    format: "rpm",
    mirror: "https://cdn.amazonlinux.com/al2023/core/mirrors",
    repositories: [`latest/${machineName}`],
    mirrorList: "mirror.list",
    keyring: "/etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023",
    flavours: [flavour("kernel", "kernel"), flavour("6.12", "kernel6.12")],
  },
  centos: {
    title: "CentOS Stream",
    format: "rpm",
    mirror: "https://mirror.stream.centos.org",
    repositories: ["9-stream", "10-stream"].map((name) => `${name}/BaseOS/${machineName}/os`),
    keyring: "/etc/pki/rpm-gpg/RPM-GPG-KEY-centosofficial",
    flavours: [coreAndModules],
  },
  almalinux: {
    title: "AlmaLinux",
    format: "rpm",
    mirror: "https://repo.almalinux.org/almalinux",
    repositories: ["8", "9", "10"].map((name) => `${name}/BaseOS/${machineName}/os`),
    keyring: "/etc/pki/rpm-gpg/RPM-GPG-KEY-AlmaLinux",
    flavours: [coreAndModules],
  },
  rocky: {
    title: "Rocky Linux",
    format: "rpm",
    mirror: "https://download.rockylinux.org/pub/rocky",
    repositories: ["8", "9", "10"].map((name) => `${name}/BaseOS/${machineName}/os`),
    keyring: "/etc/pki/rpm-gpg/RPM-GPG-KEY-rockyofficial",
    flavours: [coreAndModules],
  },
  opensuse: {
    title: "openSUSE",
    format: "rpm",
    mirror: "https://download.opensuse.org",
    repositories: ["tumbleweed/repo/oss", "distribution/leap/15.6/repo/oss", "update/leap/15.6/sle"],
    keyring: "/usr/lib/rpm/gnupg/keys/opensuse.asc",
    flavours: [flavour("default", "kernel-default"), flavour("kvmsmall", "kernel-kvmsmall")],
  },
  alpine: {
    title: "Alpine Linux",
    format: "apk",
    mirror: "https://dl-cdn.alpinelinux.org/alpine",
    repositories: ["v3.19", "v3.20", "v3.21", "v3.22", "edge"].map((name) => `${name}/main/${machineName}`),
    keyring: "/etc/apk/keys",
    flavours: [flavour("lts", "linux-lts"), flavour("virt", "linux-virt")],
  },
  arch: {
    title: "Arch Linux",
    format: "arch",
    mirror: "https://geo.mirror.pkgbuild.com",
    repositories: [`core/os/${machineName}`, `extra/os/${machineName}`],
    keyring: "/usr/share/pacman/keyrings/archlinux.gpg",
    flavours: [flavour("linux", "linux"), flavour("lts", "linux-lts"), flavour("zen", "linux-zen")],
  },
} as const satisfies Readonly<Record<string, Distribution>>;

export type DistributionName = keyof typeof distributions;

/** Whether a word names a distribution of the table. */
export function isDistribution(text: string): text is DistributionName {
  return Object.hasOwn(distributions, text);
}

/** The row of a distribution. */
export function distribution(name: DistributionName): Distribution {
  return distributions[name];
}
