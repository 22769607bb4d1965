import type { FindingKind } from "../kernel-log/kernel-log.ts";

/** What a kind of finding means, and how to go on from it. */
export interface Meaning {
  /** In plain words. */
  readonly means: string;
  /** What to collect next, and how. */
  readonly next: string;
  /** Where the kernel's own documentation, or failing that its source, says more. */
  readonly link: string;
}

const docs = "https://docs.kernel.org";
const source = "https://github.com/torvalds/linux/blob/master";

const oops =
  "Decode the call chain (`--vmlinux`, or scripts/decode_stacktrace.sh) and look at the line of the instruction; note whether it happens again with the same address, and keep the first oops of the log: later ones may be its consequences. A crash dump (kdump) keeps the memory, CONFIG_KASAN finds who spoiled a pointer.";
const lockdep =
  "Keep the whole report: it holds both call chains, the lock classes and their states. It is a bug of order, so it needs no second run; it is enough to read at which two places the locks are taken. CONFIG_PROVE_LOCKING stops looking after its first report, so boot again to see the next one.";
const sanitizer =
  "Keep the three call chains: the access, the allocation and the free. Decode them with the image of the build (`--vmlinux`), and reduce what was run to the smallest thing that still reports it.";
const stall =
  "Read the call chain of the CPU that stalls, not of the one that reports it. `echo l > /proc/sysrq-trigger` prints all busy CPUs, perf top -g says where time goes, and on a guest look at steal time first: a host that does not run it gives the same picture.";

/** In words of our own, from the kernel's documentation. */
export const meanings: Readonly<Record<FindingKind, Meaning>> = {
  oops: {
    means:
      "The processor met an exception in kernel code that it could not go on from. The task that ran is killed while it may hold locks, so what hangs afterwards is often a consequence.",
    next: oops,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "page-fault": {
    means:
      "Kernel code used an address that is not mapped, or not in that way: a pointer that was freed, overwritten or never set, or a jump into data.",
    next: oops,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "null-deref": {
    means:
      "Kernel code followed a pointer that is NULL. A small address instead of 0 is the offset of the member that was read, and tells which structure was missing.",
    next: oops,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "general-protection": {
    means:
      "Kernel code used an address that no pointer can have on this processor: overwritten memory, memory that was freed and poisoned, or a bit that flipped.",
    next: `Look at the registers for poison such as 6b6b6b6b or dead000000000100, which say that memory was freed. ${oops}`,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "kernel-bug": {
    means:
      "A BUG_ON in the kernel's source found a state that must not be, and stopped the task. The file and line say which condition it was.",
    next: `Read the condition at that line of the same kernel version. ${oops}`,
    link: `${docs}/process/deprecated.html`,
  },
  "divide-error": {
    means:
      "Kernel code divided by zero, or the result did not fit. The divisor often comes from a device or from user space.",
    next: oops,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "double-fault": {
    means:
      "A fault happened while another one was being delivered, nearly always because the kernel's stack was used up.",
    next: "Look for a function that calls itself in the call chain, and for large local variables (scripts/checkstack.pl). CONFIG_VMAP_STACK makes it a clean report.",
    link: `${docs}/mm/vmalloced-kernel-stacks.html`,
  },
  "invalid-opcode": {
    means:
      "The processor met an instruction that it does not know: often a BUG() without its text, else overwritten or wrongly patched code.",
    next: oops,
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "stack-guard": {
    means:
      "The kernel's stack grew into the guard page below it: endless recursion, or too much on the stack at once.",
    next: "Look for repetition in the call chain. Stacked file systems and block devices add up; note which are in use.",
    link: `${docs}/mm/vmalloced-kernel-stacks.html`,
  },
  "stack-corruption": {
    means:
      "The canary at the end of a stack frame, or of the whole stack, was overwritten: a local buffer was too small for what was written to it.",
    next: "The function that is named has the buffer, or was called by the one that has. CONFIG_KASAN_STACK finds the write itself.",
    link: `${docs}/security/self-protection.html`,
  },
  "machine-check": {
    means:
      "The processor reports an error of the hardware that could not be corrected: memory, a cache, a bus. The bank says which unit. No kernel code is to blame.",
    next: "Decode the status with mcelog or rasdaemon (`ras-mc-ctl --errors`), look at the firmware's event log (`ipmitool sel list`), test the memory, and note overclocking and temperatures.",
    link: `${docs}/admin-guide/RAS/main.html`,
  },
  cfi: {
    means:
      "An indirect call went to a function of another type: a wrong cast, or a function pointer that was overwritten.",
    next: "Compare the type at the call with that of the target. Where the target is no function, look for who writes that structure.",
    link: `${docs}/dev-tools/index.html`,
  },
  panic: {
    means: "The kernel gave up, for the reason in the title, and stopped the machine.",
    next: "What stands before it in the log is the cause more often than the panic itself. A serial console or netconsole keeps the lines that a screen loses; pstore and kdump keep them over the reboot.",
    link: `${docs}/admin-guide/kdump/kdump.html`,
  },
  "unexpected-reboot": {
    means:
      "A kernel starts in the middle of the log and nobody had told the one before to stop: a reset, a triple fault, a watchdog, lost power.",
    next: "Look for the reason that the firmware kept (pstore in /sys/fs/pstore, the event log of the board), and write the console to another machine: netconsole or a serial line.",
    link: `${docs}/admin-guide/ramoops.html`,
  },
  kasan: {
    means:
      "KASAN caught an access to memory that is not there to be used: outside of an object, or after it was freed.",
    next: sanitizer,
    link: `${docs}/dev-tools/kasan.html`,
  },
  kfence: {
    means:
      "KFENCE, which watches a few objects at a time, caught an access outside of one of them or after it was freed. It is rarely wrong and seldom repeats.",
    next: sanitizer,
    link: `${docs}/dev-tools/kfence.html`,
  },
  kmsan: {
    means: "KMSAN saw the kernel use, or hand out, memory that nobody had written to.",
    next: "Follow the chain of where the value was stored, back to where the memory was created.",
    link: `${docs}/dev-tools/kmsan.html`,
  },
  kcsan: {
    means: "Two CPUs accessed the same memory at once, at least one wrote, and nothing kept them apart.",
    next: "Decide whether the access needs a lock, READ_ONCE and WRITE_ONCE, or is meant to race; both call chains say who it was.",
    link: `${docs}/dev-tools/kcsan.html`,
  },
  ubsan: {
    means:
      "UBSAN met C that has no defined meaning: an index beyond an array, a shift that is too long, an overflow. The kernel went on.",
    next: "Read the file and line of the title; arrays of one element that stand for more are common and harmless, a value from a device or user space is not.",
    link: `${docs}/dev-tools/ubsan.html`,
  },
  "list-corruption": {
    means:
      "A linked list did not hang together when an entry was added or removed: an entry was freed, added twice, or changed without its lock.",
    next: "CONFIG_KASAN tells who freed the entry; look at which lock guards this list at both places.",
    link: `${source}/lib/list_debug.c`,
  },
  "slab-corruption": {
    means: "The allocator found bytes written before, behind, or into an object that was free.",
    next: "Boot with slab_debug=FZPU to learn who had allocated and freed it, or with CONFIG_KASAN to catch the write.",
    link: `${docs}/mm/slab.html`,
  },
  "bad-page": {
    means:
      "The books of the memory management do not agree about a page: freed while in use, or its state was overwritten.",
    next: "Test the memory first when pages and flags differ each time; else page_owner=on says who had the page.",
    link: `${docs}/mm/page_owner.html`,
  },
  usercopy: {
    means:
      "A copy from or to user space would have gone beyond the kernel's object: a length that was not checked.",
    next: "Look at the caller that is named: where does the length come from?",
    link: `${docs}/security/self-protection.html`,
  },
  warning: {
    means:
      "A WARN_ON in the kernel's source found a state that its author did not expect. The kernel goes on; it is a bug all the same.",
    next: "Read the condition at that file and line, with the message above it. panic_on_warn=1 stops at the first one and keeps the state.",
    link: `${docs}/admin-guide/sysctl/kernel.html#panic-on-warn`,
  },
  bug: {
    means: "The kernel says that something which must not happen did, in a text of its own.",
    next: "Look the text up in the source of the same version: it stands next to the check.",
    link: `${docs}/admin-guide/bug-hunting.html`,
  },
  "spinlock-bug": {
    means: "A spin lock is damaged, was never set up, or is taken by a CPU or task that has it already.",
    next: "Look for who frees or initialises the structure that the lock is in; CONFIG_PROVE_LOCKING tells of recursion before it happens.",
    link: `${docs}/locking/spinlocks.html`,
  },
  "atomic-schedule": {
    means:
      "Code that must not sleep (a spin lock is held, or preemption is off) called something that waits.",
    next: "The call chain shows what waits; somewhere below it a lock is held. CONFIG_DEBUG_ATOMIC_SLEEP names the place where preemption was disabled.",
    link: `${docs}/kernel-hacking/hacking.html`,
  },
  "invalid-context": {
    means:
      "A function that may sleep was called where sleeping is forbidden. It need not have slept this time.",
    next: "The report says in_atomic and irqs_disabled, and where preemption was disabled: one of the two callers is wrong.",
    link: `${docs}/kernel-hacking/hacking.html`,
  },
  "preemptible-per-cpu": {
    means: "Data of one CPU was used while the task could be moved to another one.",
    next: "Look whether the caller can use get_cpu, migrate_disable or a this_cpu operation.",
    link: `${docs}/core-api/this_cpu_ops.html`,
  },
  "lockdep-circular": {
    means:
      "Locks are taken in one order here and in the other order elsewhere: two tasks can wait for each other for ever.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-recursive": {
    means:
      "A task takes a lock of a class that it holds already: the same lock twice, or two of a kind without saying so.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-irq": {
    means:
      "A lock is taken with interrupts on and also needed in an interrupt, perhaps through others: the interrupt can wait for the task that it interrupted.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-inconsistent": {
    means: "A lock that interrupts take was taken with interrupts on.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-unlock-balance": {
    means: "A lock was released that the task does not hold.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-held": {
    means: "A task went on, or ended, or freed memory, while it held a lock: nobody will ever release it.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-nested": {
    means: "A lock was said to be guarded by an outer one that is not held.",
    next: lockdep,
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-wait-context": {
    means: "A lock that may sleep on a real-time kernel was taken inside one that may not.",
    next: lockdep,
    link: `${docs}/locking/locktypes.html`,
  },
  "lockdep-static-key": {
    means: "A lock was used that was never initialised, or whose memory is not what lockdep knows.",
    next: "Look for the missing *_init call: the function that is named takes the lock.",
    link: `${docs}/locking/lockdep-design.html`,
  },
  "lockdep-limit": {
    means: "One of lockdep's tables is full, and it has stopped looking. Nothing is wrong with the locks.",
    next: "Raise the CONFIG_LOCKDEP_*_BITS options, or look for a driver that makes a new lock class for each object (/proc/lockdep_stats).",
    link: `${docs}/locking/lockdep-design.html`,
  },
  "suspicious-rcu": {
    means:
      "Data that RCU guards was read outside of a reading section, or without the lock that would do instead.",
    next: "The report lists the locks that are held: either one of them is the right one and has to be named, or rcu_read_lock is missing.",
    link: `${docs}/RCU/lockdep-splat.html`,
  },
  "memory-leak": {
    means: "kmemleak found memory that nothing points to any more.",
    next: "`echo scan > /sys/kernel/debug/kmemleak` twice: what stays is a leak, what goes was a pointer in a register. The call chain is the allocation.",
    link: `${docs}/dev-tools/kmemleak.html`,
  },
  "hung-task": {
    means:
      "A task has been asleep in D, where no signal reaches it, for longer than hung_task_timeout_secs. It waits for something that does not come: a lock whose holder is stuck, a disk, a server. The task that is named is the victim; whoever has what it waits for is the cause.",
    next: "Find the holder: `echo w > /proc/sysrq-trigger` prints every task in D, `echo d` all held locks where lockdep is built in, and Linux 6.16 and later names the likely owner. Then look whether that one waits for a device (see the log before it) or for another lock.",
    link: `${docs}/admin-guide/sysctl/kernel.html#hung-task-timeout-secs`,
  },
  "rcu-stall": {
    means:
      "A CPU or a task has kept RCU from ending a grace period: it loops in the kernel with preemption off, was not run by its host, or sits in a reading section. Memory cannot be given back meanwhile, so others hang next.",
    next: stall,
    link: `${docs}/RCU/stallwarn.html`,
  },
  "soft-lockup": {
    means: "A CPU has run kernel code for more than 20 seconds without letting another task run.",
    next: stall,
    link: `${docs}/admin-guide/lockup-watchdogs.html`,
  },
  "hard-lockup": {
    means:
      "A CPU has not even taken a timer interrupt for 10 seconds: it loops with interrupts off, waits for a spin lock, or the firmware has it.",
    next: stall,
    link: `${docs}/admin-guide/lockup-watchdogs.html`,
  },
  "workqueue-lockup": {
    means:
      "A pool of workers has work that does not begin or end: a work item that loops or sleeps for ever.",
    next: "The lines below name the pools and the functions in flight; `echo t > /proc/sysrq-trigger` prints what the workers do.",
    link: `${docs}/core-api/workqueue.html`,
  },
  "unregister-netdevice": {
    means:
      "A network device is to go and something still has a reference to it, so whoever removes it waits, and with it all who need the network's lock.",
    next: "CONFIG_NET_DEV_REFCNT_TRACKER names who took the references. Note which network namespaces and sockets were open.",
    link: `${source}/net/core/dev.c`,
  },
  "task-stack": {
    means: "sysrq was asked which tasks are in D, and this is one. Being in D for a moment is normal.",
    next: "Ask again a few seconds later: a task with the same stack at both times is stuck.",
    link: `${docs}/admin-guide/sysrq.html`,
  },
  "out-of-memory": {
    means:
      "Memory and swap were used up, nothing could be reclaimed, and the kernel killed the process that it thought would free most. The one that asked is named first; it need not be the one that used it.",
    next: "Read the table of tasks for the largest rss, and Mem-Info for what is not in it: slab, page tables, shared memory. A cgroup limit around the culprit keeps the rest of the machine alive.",
    link: `${docs}/mm/oom.html`,
  },
  "device-error": {
    means:
      "A device or its driver gave up on something: a command without an answer, a reset, firmware that crashed, a link or data that was lost. The kernel goes on, and tasks that wait for the device can be in D until it is back, or for ever.",
    next: "Look at what comes after it: a reset that succeeded, or tasks that hang. smartctl -a or nvme smart-log for disks, lspci -vv for links, the vendor's tool for GPUs; note cables, power saving (nvme_core.default_ps_max_latency_us, pcie_aspm), firmware versions.",
    link: `${docs}/admin-guide/index.html`,
  },
  "filesystem-error": {
    means:
      "A file system found its own data damaged, or could not read or write them. It may go on, become read-only, or shut down.",
    next: "Look for I/O errors of the disk before it: they are the usual cause. Then check the unmounted file system with its own tool, first without repairing (e2fsck -n, xfs_repair -n, btrfs check).",
    link: `${docs}/filesystems/index.html`,
  },
};
