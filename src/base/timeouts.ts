import type { Allowance } from "./deadline.ts";
import { type Duration, toMilliseconds } from "./duration.ts";

/** How long something may take, and why that long. */
export interface Timeout extends Allowance {
  readonly because: string;
}

/**
 * Every wait for a healthy guest or host, in one place. The figures in the reasons are of a quiet host: two cores,
 * guests without KVM. Each wait is a multiple of them, and `base/deadline.ts` stretches it where a host is slower or
 * busy. What a user says is not here: it stays what it is.
 */
export const timeouts = {
  /** QEMU, from outside. */
  machine: {
    sockets: after("20s", "QEMU is up 0.05 s after its start, and makes its sockets before that"),
    restore: after("20s", "a frozen machine runs after 0.3 s and answers its first command after 0.5 s"),
    revive: after("2m", "a kept machine's memory, unpacked: 290 MB in 3 s"),
    quiet: after("8s", "a guest has put an ssh connection away after 1 s; then it goes on as it is"),
    freeze: after("60s", "a machine's devices are 0.4 MB; its memory is a file already"),
    monitor: after("5s", "QEMU answers its monitor at once; nothing of the guest is in its way"),
    lastWords: after("1s", "a QEMU that cannot start has ended by the time its socket breaks off"),
    loss: after("500ms", "QEMU's end is seen right after the connections that end with it"),
    quit: after("2s", "QEMU writes back what it holds and ends; one that does not is killed"),
    exit: after("5s", "a QEMU that was told to end, or said that it does, has nothing left to do"),
    underKvm: after("15s", "a small kernel is up after a second even without KVM"),
    askedUnderKvm: after("1m", "somebody else boots a kernel under KVM for 15 s at the most"),
  },
  /** The guest, through a way in. */
  guest: {
    boot: after("90s", "a cold boot answers its first command after 6 s and ssh after 8 s"),
    bootNixos: after(
      "5m",
      "NixOS' activation comes before its shell: under TCG 2.7 times Debian's boot, more before it was cut",
    ),
    quick: after(
      "10s",
      "a small command of ours takes a millisecond, and 0.8 s where ssh has its handshake first",
    ),
    exec: after(
      "60s",
      "a command of whoever says nothing else: installing takes longer, looking at things less",
    ),
    start: after("30s", "a command starts at once, and 0.8 s later where ssh has its handshake first"),
    look: after("10s", "all threads of a job with their stacks are read in 0.2 s"),
    patientLook: after("30s", "the same while the job takes all of the guest's processors"),
    details: after("15s", "a shell reads the rings and the user side of stuck threads"),
    channel: after("2s", "a channel closes once its output is read, which is there already"),
    powerOff: after("10s", "systemd takes the request and goes on by itself"),
    results: after("2m", "results are packed in the guest and come out through ssh"),
    copy: after("60s", "a file comes out through ssh, or goes in"),
    person: after(
      "24h",
      "a person at a terminal may stay as long as they like; all else still ends the wait",
    ),
    kernelLog: after("10s", "a kernel log of a trial is some hundred lines"),
  },
  /** What is judged where nobody says how long it may take: shorter, and what is only slow would be called stuck. */
  verdict: {
    kill: after("5s", "what SIGKILL can end is gone at the first look"),
    powerOff: after("30s", "a healthy guest is off after 1.7 s"),
    goingDown: after(
      "5s",
      "a guest that goes down ends its commands first, and is off a second or two later",
    ),
  },
  /** What is collected when a trial is over, each thing with its own. */
  evidence: {
    screen: after("2s", "the last screen is in memory"),
    kernelLog: after("20s", "two ways in are tried, one after the other"),
    firstWayIn: after(
      "4s",
      "reading a log takes no time; when the fast way in is held up, ssh has to have its turn",
    ),
    secondWayIn: after("8s", "the same over ssh, which may have to connect first"),
    journal: after("15s", "a trial's journal is short, and no more than its end is read"),
    panic: after("5s", "the rest of a panic follows its first line at once"),
    console: after("5s", "no more than 4 MiB of console are parsed"),
    registers: after("5s", "QEMU's monitor tells the registers of all processors at once"),
    sysrq: after("90s", "five keys, each with its own time"),
    firstKey: after("5s", "a kernel that answers keys at all prints its first line at once"),
    key: after("15s", "all tasks of a guest with their stacks go through a serial line"),
    // Where interrupts are off. With 19 processes beside it on two cores, one took 13.8 s.
    nmi: after("30s", "a processor that takes an NMI prints its stack at once, if it has its turn"),
    nmiStep: after("35s", "the NMI, and QEMU's word that it was sent"),
    memoryDump: after("5m", "a guest's memory is written at the speed of the host's disk"),
    dumpRequest: after("30s", "QEMU stops the guest before it says that it has begun"),
  },
  /** Programs of this host that ask or change one small thing. */
  host: {
    ask: after("30s", "a program says its version or one fact at once, and from a cold disk in seconds"),
    git: after("2m", "git reads a kernel's history, or one of its scripts the tree"),
    bench: after(
      "60m",
      "a checkout's tests take 23 min on two cores; two kernels and trials from an empty cache take 20 min",
    ),
    files: after("2m", "a tree of some hundred MB is copied, measured or unpacked"),
    image: after(
      "5m",
      "mke2fs writes a guest's file system in 2 s; a package of debug information is unpacked",
    ),
    compile: after("2m", "a workload of one file is compiled"),
    symbols: after("5m", "a vmlinux with debug information is read"),
    drgn: after("5m", "drgn indexes a vmlinux with debug information in 3 s, and reads what is asked in 2 s"),
    debugger: after("5m", "gdb reads a vmlinux with debug information in some seconds"),
    install: after("10m", "apt fetches and unpacks some 25 packages"),
    container: after("60s", "an OCI runtime starts a container in a guest"),
  },
  /** What is made once and kept. Who waits for another process that makes it has the same time. */
  make: {
    download: after(
      "60m",
      "a kernel's source is 130 MB, and debug information more, at whatever speed there is",
    ),
    index: after("15m", "an index of Debian's archive is fetched and unpacked"),
    fetch: after("5m", "a list or a signature is small; a server that does not answer is given up before"),
    runtime: after("10m", "Node's package is 95 MB unpacked, of which a file system is made"),
    workload: after("20m", "a workload may fetch some hundred packages, and make a file system of them"),
    debian: after("20m", "mmdebstrap makes an image in 22 s where its packages are near"),
    nixos: after("6h", "a NixOS system that no cache has is built from its sources"),
    sysroot: after("15m", "the guest's C library and its headers are some packages"),
    unpackSource: after("15m", "a kernel's source is unpacked, on whatever disk"),
    checkOut: after("15m", "git writes a kernel's files, on whatever disk"),
    build: after("90m", "a kernel is built in 5 to 6 min on two cores; there may be one, and other work"),
    kernel: after("2h", "source and build together"),
    page: after("3m", "the page's script is bundled once"),
    kept: after("3m", "a wedged machine's memory and disks are written down at the speed of the host's disk"),
    ledger: after("60s", "another process has the ledger only while it sets a torn one aside"),
    cleanUp: after("10s", "a half-made entry of some GB is removed in seconds"),
  },
  /** Other machines of this user. */
  queue: {
    machines: after("1h", "machines of other trials and tests end when those do"),
    memory: after("1m", "with no machine that will end, only other programs can leave room"),
  },
  /** A queue in PostgreSQL. */
  jobs: {
    answer: after("10s", "a database answers a connection in milliseconds"),
    open: after("60s", "its tables are made in a second, by one of several that come at once"),
    outage: after(
      "30m",
      "a database that is updated or moved is back in minutes; what has ended waits for it",
    ),
    farewell: after("5s", "a job is given back by one statement"),
  },
  /** A registry that has finished parts: what it does not give in time is made here. */
  registry: {
    answer: after(
      "20s",
      "a registry answers a question in a tenth of a second, also where it has to log us in",
    ),
    credentials: after("20s", "a credential helper looks into a key ring"),
    pull: after("5m", "what is pulled is 20 to 200 MB; to build a kernel takes as long as this"),
    push: after("15m", "what is pushed is packed first; many a line is slower in this direction"),
  },
  /** A server that says nothing. Of the network, not of this host. */
  network: {
    silence: after("60s", "a server that sends nothing for a minute sends nothing more"),
    mirror: after("20s", "one of several places: another may answer"),
  },
  /** What was recorded takes about as long again; who walks in it with a debugger takes their time elsewhere. */
  replay: after("2h", "a trial of a hang, recorded, takes two minutes"),
  /** One that has come apart waits for ever for what the recording has next. */
  replayStep: after("60s", "a replay does millions of instructions a second, also where the guest slept"),
  /** A person who is asked something, while a machine waits for the answer. */
  question: after("20s", "who looks on answers at once; who does not is not there"),
  /** A test's body, where it does not say. */
  test: after("5m", "a trial of a hang takes a minute"),
} as const;

function after(duration: Duration, because: string): Timeout {
  return { milliseconds: toMilliseconds(duration), scales: true, because };
}
