import { randomBytes } from "node:crypto";
import type { WaitOptions } from "../base/wait.ts";
import type { Platform } from "../platform/platform.ts";
import type { Guest } from "./guest.ts";
import { quote } from "./shell.ts";

/**
 * Start the program that waits, in the frozen machine, for the first thing every clone is told: the time and
 * fresh randomness. Both need system calls that no shell has, and a program that runs already need not be loaded
 * and linked by a guest whose every instruction is translated anew. A guest without Perl does without.
 *
 * @see https://man7.org/linux/man-pages/man2/clock_settime.2.html
 * @see https://man7.org/linux/man-pages/man4/random.4.html (RNDRESEEDCRNG, 0x5207)
 */
export async function prepareIdentity(guest: Guest, options: WaitOptions): Promise<void> {
  await guest.quick(identityPreparation(guest.machine.platform), { ...options, allowFailure: true });
}

/** What {@link prepareIdentity} runs in the guest: a frozen machine is known by it, for every clone goes on from it. */
export function identityPreparation(platform: Platform): string[] {
  return ["sh", "-c", prepareScript, "sh", wakerFor(platform)];
}

const wakerFor = ({ systemCalls }: Platform): string => `
open(my $calls, "+<", "/run/dstate/wake") or die;
open(my $answers, "+<", "/run/dstate/woken") or die;
open(my $random, "+<", "/dev/urandom") or die;
unlink "/run/dstate/waiting";
my ($seconds, $nanoseconds, $entropy) = split " ", scalar <$calls>;
syswrite($random, pack("H*", $entropy));
my $failed = ! ioctl($random, 0x5207, 0);
$failed ||= syscall(${systemCalls.clock_settime}, 0, pack("qq", $seconds, $nanoseconds));
syswrite($answers, $failed ? "failed\\n" : "awake\\n");
unlink "/run/dstate/wake", "/run/dstate/woken";
# The first command goes first: an end wakes systemd.
sleep 2;
`;

const prepareScript = `
command -v perl > /dev/null || exit 0
mkfifo /run/dstate/wake /run/dstate/woken && : > /run/dstate/waiting
setsid perl -e "$1" > /dev/null 2>&1 < /dev/null &
tries=100
while [ -e /run/dstate/waiting ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
[ ! -e /run/dstate/waiting ] || rm -f /run/dstate/w*
`;

/**
 * Tell a guest that goes on from a frozen state who it is now: this run's key, a machine id and a hostname of
 * its own, the time, and fresh randomness, with which its random pool is reseeded. Where nobody waits for that, the
 * kernel reseeds by itself if QEMU's VM generation device tells it to (Linux 5.18 and newer).
 *
 * @see https://www.qemu.org/docs/master/specs/vmgenid.html
 */
export async function adoptIdentity(guest: Guest, options: WaitOptions): Promise<void> {
  const { seed } = guest.machine;
  const id = randomBytes(16).toString("hex");
  const entropy = randomBytes(32).toString("hex");
  const now = Date.now();
  // Only what the shell does by itself, if it can be: each program started costs a tenth of a warm start.
  await guest.quick(
    `set -e
# Written over in place, by as much as is there: an emptied file is given new blocks at once.
echo ${quote((seed.files.authorized_keys ?? "").trimEnd())} 1<> /run/dstate/seed/authorized_keys
echo ${id} 1<> ${guest.system.init.machineIdFile}
echo ${seed.hostname}-${id.slice(0, 6)} > /proc/sys/kernel/hostname
if [ -p /run/dstate/wake ]; then
  # Both are open before the first is written to: the waker removes them as soon as it has answered.
  {
    echo ${Math.floor(now / 1000)} ${(now % 1000) * 1_000_000} ${entropy} > /run/dstate/wake
    read -r answer
  } < /run/dstate/woken
  [ "$answer" = awake ]
else
  date -s @${(now / 1000).toFixed(3)} > /dev/null
  echo ${entropy} > /dev/urandom
  # On the bus of ACPI in Linux 6.1; wherever else it is, a bound driver names the device.
  set -- /sys/bus/*/drivers/vmgenid/QEMUVGID:*
  [ -e "$1" ] ||
    perl -e 'open(my $f, ">", "/dev/urandom") or die; ioctl($f, 0x5207, 0) or die'
fi`,
    options,
  );
}

/** Mount the workload's disk at /srv/work. It may have come after the guest last looked at the device. */
export async function mountWorkload(guest: Guest, options: WaitOptions): Promise<void> {
  await guest.quick(mountScript, options);
}

const mountScript = `
. /usr/local/lib/dstate/disks
device=$(disk_by_serial dstate-work) && blockdev --flushbufs "$device" && mount -t ext4 "$device" /srv/work
`;
