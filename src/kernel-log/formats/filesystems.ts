import type { Format } from "./format.ts";

const device = String.raw`\((?:device )?(?<device>[^):]*)[^)]*\)`;
const xfs = String.raw`^(?<fs>XFS) \((?<device>[^)]*)\): `;
const caller = String.raw`(?<fn>[A-Za-z_][\w.]*)\+`;

/** What one trouble of a file system makes it say, line after line. */
const goesOn = { joins: ["filesystem-error"], late: true, same: "device" } as const;

/**
 * File systems that found themselves corrupted, or could not read or write what they need.
 *
 * @see https://github.com/torvalds/linux/blob/master/fs/ext4/super.c (__ext4_error)
 * @see https://github.com/torvalds/linux/blob/master/fs/xfs/xfs_error.c
 * @see https://github.com/torvalds/linux/blob/master/fs/xfs/xfs_buf.c (xfs_buf_ioerror_alert)
 * @see https://github.com/torvalds/linux/blob/master/fs/btrfs/messages.c
 */
export const filesystems: readonly Format[] = [
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>EXT[234])-fs error \(device (?<device>[^)]*)\)(?: in)?:? ?(?<fn>\w+)(?::(?<where>\d+))?/,
    title: "{fs}-fs error[ in {fn}]",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: new RegExp(`${xfs}Metadata (?:corruption|CRC error) detected at ${caller}`),
    title: "{fs} error[ in {fn}]",
  },
  {
    kind: "filesystem-error",
    pattern: new RegExp(`${xfs}Internal error .*?Caller ${caller}`),
    title: "{fs} error[ in {fn}]",
  },
  {
    kind: "filesystem-error",
    pattern: new RegExp(
      String.raw`${xfs}metadata I/O error(?::.*?\("(?<fn>\w+)"\)| in "(?<fn>\w+)\+[^"]*").*? error (?<error>\d+)`,
    ),
    title: "{fs} error[ in {fn}]",
    ...goesOn,
  },
  {
    kind: "filesystem-error",
    pattern: new RegExp(
      String.raw`${xfs}(?:metadata I/O error|Internal error|Metadata (?:corruption|CRC error)|Corruption (?:of in-memory data|of on-disk metadata|warning|detected)|[Ll]og I/O [Ee]rror|xfs_do_force_shutdown|Filesystem has been shut down|(?:log|page|writeback) (?:mount|discard|error)\b)(?:.*?Return address = ${caller})?`,
    ),
    title: "{fs} error[ in {fn}]",
    ...goesOn,
  },
  {
    kind: "filesystem-error",
    // Under `cut here`: before the warning's line, and before Linux 4.11 behind it.
    joins: ["warning"],
    pattern:
      /^(?<fs>BTRFS)(?:: error \(device (?<device>[^):]*)[^)]*\))?: Transaction aborted \(error (?<error>-\d+)\)/,
    title: "{fs} error[ in {fn}]",
  },
  {
    kind: "filesystem-error",
    pattern:
      /^(?<fs>BTRFS)(?: critical| error| warning|: error)? ?\(device (?<device>[^):]*)[^)]*\)(?:: | in (?<fn>\w+):\d+: )(?:(?:.*(?:corrupt|forced readonly|errno=(?<error>-\d+)|Transaction aborted|parent transid verify failed|unable to find).*))/,
    title: "{fs} error[ in {fn}]",
    alone: true,
    joins: ["filesystem-error"],
    late: true,
    same: "fs",
  },
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>FAT|exFAT)-fs \((?<device>[^)]*)\): error, (?<fn>\w+)?/,
    title: "{fs}-fs error[ in {fn}]",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>F2FS)-fs \((?<device>[^)]*)\): (?:inconsistent node block|.*\bcorrupted\b)/,
    title: "{fs}-fs error",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^Aborting journal on device (?<device>[^.\s]+)/,
    title: "JBD2 error",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: new RegExp(
      String.raw`^(?<fs>FAT|NTFS|HFS\+?|F2FS|OCFS2|GFS2|REISERFS|JFS|NILFS)(?:-fs)? error ${device}`,
    ),
    title: "{fs}-fs error",
    alone: true,
  },
];
