import type { KernelBuildNames } from "../platform/platform.ts";
import type { ConfigOption } from "./configuration.ts";

/** A folder that a build reads only when one of some options is on. */
interface OptionalFolder {
  readonly folder: string;
  /** Without `CONFIG_`; none: no build of a kernel reads it. */
  readonly unless: readonly string[];
}

/** The folders of a kernel tree that are large and seldom read. Their Kconfig files and Makefiles are read always. */
const optionalFolders: readonly OptionalFolder[] = [
  { folder: "drivers/accel", unless: ["DRM_ACCEL"] },
  { folder: "drivers/ata", unless: ["ATA"] },
  { folder: "drivers/clk", unless: ["COMMON_CLK"] },
  { folder: "drivers/comedi", unless: ["COMEDI"] },
  { folder: "drivers/crypto", unless: ["CRYPTO_HW"] },
  { folder: "drivers/gpu/drm", unless: ["DRM"] },
  { folder: "drivers/hid", unless: ["HID", "HID_SUPPORT"] },
  { folder: "drivers/hwmon", unless: ["HWMON"] },
  { folder: "drivers/iio", unless: ["IIO"] },
  { folder: "drivers/infiniband", unless: ["INFINIBAND"] },
  { folder: "drivers/md", unless: ["MD"] },
  { folder: "drivers/media", unless: ["MEDIA_SUPPORT"] },
  { folder: "drivers/mmc", unless: ["MMC"] },
  { folder: "drivers/mtd", unless: ["MTD"] },
  { folder: "drivers/net/ethernet", unless: ["ETHERNET"] },
  { folder: "drivers/net/wireless", unless: ["WLAN"] },
  { folder: "drivers/phy", unless: ["GENERIC_PHY"] },
  { folder: "drivers/pinctrl", unless: ["PINCTRL"] },
  { folder: "drivers/regulator", unless: ["REGULATOR"] },
  { folder: "drivers/s390", unless: ["S390"] },
  { folder: "drivers/scsi", unless: ["SCSI", "SCSI_MOD"] },
  { folder: "drivers/staging", unless: ["STAGING"] },
  { folder: "drivers/usb", unless: ["USB_SUPPORT", "USB"] },
  { folder: "drivers/watchdog", unless: ["WATCHDOG"] },
  { folder: "fs/btrfs", unless: ["BTRFS_FS"] },
  { folder: "fs/ocfs2", unless: ["OCFS2_FS"] },
  { folder: "fs/smb", unless: ["CIFS", "SMB_SERVER", "SMBFS"] },
  { folder: "fs/xfs", unless: ["XFS_FS"] },
  { folder: "sound", unless: ["SOUND"] },
];

/** The same where nothing below it is read, not even a Makefile, but for the files that are named. */
const unreadFolders: readonly { readonly folder: string; readonly but: readonly string[] }[] = [
  { folder: "Documentation", but: ["Makefile"] },
  { folder: "samples", but: ["Makefile"] },
  { folder: "tools/perf", but: [] },
  { folder: "tools/testing", but: [] },
];

export interface SparseOptions {
  readonly options: readonly ConfigOption[];
  readonly build: Pick<KernelBuildNames, "archFolder">;
  /** Paths that the tree does not have although its commit names them. */
  readonly missing?: readonly string[] | undefined;
  /** Leave out nothing but what is missing. */
  readonly whole?: boolean | undefined;
}

/**
 * What is checked out of a kernel tree for a build: the patterns of git's sparse checkout, the last that fits counts.
 *
 * @see https://git-scm.com/docs/git-sparse-checkout#_internalsfull_pattern_set
 * @example sparsePatterns({ options, build: guestPlatform.kernelBuild })
 */
export function sparsePatterns({ options, build, missing = [], whole = false }: SparseOptions): string {
  const on = new Set(options.filter(({ value }) => value !== "n").map(({ name }) => name));
  const isUnread = ({ unless }: OptionalFolder): boolean => !unless.some((name) => on.has(`CONFIG_${name}`));
  const leftOut = [
    ...optionalFolders.filter(isUnread).map(({ folder }) => `!/${folder}/`),
    // A Makefile of a folder above may name them.
    "Makefile*",
    "Kbuild*",
    // Two stars reach the files themselves, which a folder's pattern does not take from the names above.
    ...unreadFolders.flatMap(({ folder, but }) => [
      `!/${folder}/**`,
      ...but.map((name) => `/${folder}/${name}`),
    ]),
    "!/arch/*/**",
    `/arch/${build.archFolder}/**`,
    // In Linux 6.6 fs/hostfs/Makefile includes its rules, whatever the kernel is built for.
    "/arch/um/scripts/**",
    // All of them are read, those of other architectures too.
    "Kconfig*",
  ];
  const lines = ["/*", ...(whole ? [] : leftOut), ...missing.map((path) => `!/${escapePattern(path)}`)];
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Whether only kernels of other architectures are made from a file. User-mode Linux is none of them: others read its
 * rules; and every architecture's Kconfig may be read.
 *
 * @example isOfOtherArchitecture("arch/arm64/Makefile", guestPlatform.kernelBuild) // true
 */
export function isOfOtherArchitecture(path: string, { archFolder }: SparseOptions["build"]): boolean {
  const [, folder, name = ""] = /^arch\/([^/]+)\/(?:.*\/)?([^/]+)$/.exec(path) ?? [];
  return folder !== undefined && folder !== archFolder && folder !== "um" && !name.startsWith("Kconfig");
}

function escapePattern(path: string): string {
  return path.replace(/[\\*?[\]!# ]/g, "\\$&");
}
