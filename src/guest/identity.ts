import { randomBytes } from "node:crypto";
import type { WaitOptions } from "../base/wait.ts";
import type { Guest } from "./guest.ts";

/**
 * Tell a guest that goes on from a frozen state who it is now: this run's key, a machine id and a hostname of
 * its own, the time, and fresh randomness. The kernel reseeds its pool by itself where it knows QEMU's VM
 * generation device (Linux 5.18 and newer); where not, it is told to.
 *
 * @see https://man7.org/linux/man-pages/man4/random.4.html (RNDRESEEDCRNG)
 * @see https://www.qemu.org/docs/master/specs/vmgenid.html
 */
export async function adoptIdentity(guest: Guest, options: WaitOptions): Promise<void> {
  const { seed } = guest.machine;
  const id = randomBytes(16).toString("hex");
  await guest.quick(
    [
      "sh",
      "-c",
      adoptScript,
      "sh",
      seed.files.authorized_keys ?? "",
      `${seed.hostname}-${id.slice(0, 6)}`,
      id,
      `@${(Date.now() / 1000).toFixed(3)}`,
      randomBytes(32).toString("hex"),
    ],
    options,
  );
}

const adoptScript = `
set -e
printf %s "$1" > /run/dstate/seed/authorized_keys
echo "$2" > /proc/sys/kernel/hostname
echo "$3" > /etc/machine-id
date -s "$4" > /dev/null
echo "$5" > /dev/urandom
[ -e /sys/bus/acpi/drivers/vmgenid ] || perl -e 'open(my $f, ">", "/dev/urandom") or die; ioctl($f, 0x5207, 0)'
`;

/** Mount the workload's disk at /srv/work. It may have come after the guest last looked at the device. */
export async function mountWorkload(guest: Guest, options: WaitOptions): Promise<void> {
  await guest.quick(["sh", "-c", mountScript], options);
}

const mountScript = `
. /usr/local/lib/dstate/disks
device=$(disk_by_serial dstate-work) && blockdev --flushbufs "$device" && mount -t ext4 "$device" /srv/work
`;
