/** Words that belong to a table: whatever needs them asks the table. */
export interface OwnedWords {
  readonly of: string;
  readonly words: RegExp;
  /** Where they may stand: the table's room, and rooms that read what every row of it writes. */
  readonly rooms: readonly string[];
  /** What may stand elsewhere all the same, by path, and why. */
  readonly exceptions: Readonly<Record<string, RegExp>>;
}

const logs = ["kernel-functions", "kernel-lines", "kernel-log"];

export const ownedWords: readonly OwnedWords[] = [
  {
    of: "an architecture, which a row of src/platform/platforms.ts has",
    words:
      /x86|amd64|i386|ttyS\d|\bq35\b|bzImage|HdrS|\btsc=|\blpj=|no_timer_check|SCMP_ARCH_X|linux-x64|vmgenid,|Dazed/i,
    rooms: ["platform", ...logs],
    exceptions: {
      // Tells which of a build's files to name.
      "decode/debug-kernel.ts": /^Name the uncompressed vmlinux/,
      "decode/symbols.ts": /^Name the vmlinux of a build/,
      // Our own flake gives it this name, whatever is in it.
      "kernel/sources/nix.ts": /^bzImage$/,
    },
  },
  {
    of: "a guest's system, which a row of src/image/systems.ts has",
    words: /^(debian|nixos)$|systemctl|journalctl|systemd|machine-id|poweroff/,
    rooms: ["image", ...logs],
    exceptions: {
      // The names that DSTATE_IMAGE can have.
      "base/settings.ts": /^(debian|nixos)$/,
      // Our initramfs lies beside the files of Debian's image; it is for its kernels.
      "kernel/initramfs.ts": /^debian$/,
      // A folder of vm, and the archive that keeps kernels for Debian.
      "kernel/pins.ts": /^nixos$/,
      "kernel/vouched-source.ts": /^debian$/,
      // What was measured.
      "base/timeouts.ts": /systemd takes the request/,
      // A host's own journal, in help.
      "cli/dmesg.ts": /journalctl -k/,
      // A comment in a script that runs in a guest.
      "guest/identity.ts": /an end wakes systemd/,
      // What people who run it by hand type.
      "report/upstream/facts.ts": /^systemctl poweroff \($/,
    },
  },
];
