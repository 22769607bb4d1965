/**
 * An architecture of guests: every word that QEMU, Linux, Debian, npm and seccomp have for it. Whatever depends on the
 * architecture asks this; a new one is a file such as x86-64.ts and a row of {@link file://./platforms.ts}.
 */
export interface Platform {
  /** As people write it. */
  readonly name: string;
  readonly qemu: QemuNames;
  /** The console that the kernel and the guest's system talk on, below `/dev`. */
  readonly console: string;
  /** What the kernel's command line says on this architecture only, word by word, by what runs its instructions. */
  readonly kernelParameters: Readonly<Record<AcceleratorType | "recorded", readonly string[]>>;
  readonly kernelBuild: KernelBuildNames;
  readonly bootImage: BootImageFormat;
  readonly cLibraries: Readonly<Record<"glibc" | "musl", CLibraryNames>>;
  /** Debian's name: of packages, and of the indexes of an archive. */
  readonly debianArchitecture: string;
  /** What `uname -m` says, and rpm, apk and pacman call it. */
  readonly machineName: string;
  /** The package of the npm registry with official Node builds for guests, one version a release. */
  readonly nodePackage: string;
  /** Numbers of the system calls that are made or recognised by number. */
  readonly systemCalls: Readonly<Record<"clock_settime" | "clone" | "clone3", number>>;
  /** What a kernel says that found its timer broken, and does without from then on. */
  readonly brokenTimer: RegExp;
  readonly registers: RegisterFormat;
  readonly kernelMap: KernelMap;
  /** A kernel's last line about an interrupt that cannot be masked and whose reason it does not know. */
  readonly answerToNmi: RegExp;
  readonly seccomp: SeccompNames;
}

/** What runs the guest's instructions: QEMU itself, or this host's processor. */
export type AcceleratorType = "tcg" | "kvm";

/** @see https://www.qemu.org/docs/master/system/targets.html */
export interface QemuNames {
  /** The program that runs machines. */
  readonly program: string;
  /** The Debian package that has it. */
  readonly debianPackage: string;
  /** What other systems' package managers call the packages with this program and with `userProgram`. */
  readonly otherPackages: Readonly<
    Record<"dnf" | "pacman" | "zypper" | "apk", { readonly program: string; readonly userProgram: string }>
  >;
  /** The program that runs single programs of this architecture below its own system call layer. */
  readonly userProgram: string;
  /** The machine type with its options, as `-machine` takes them. */
  readonly machine: string;
  /** The machine type alone: enough to see whether a kernel boots. */
  readonly plainMachine: string;
  /** As `-cpu` takes it. */
  readonly processor: Readonly<Record<AcceleratorType, string>>;
  /** What the emulated processor does without. */
  readonly leftOutFeatures: readonly LeftOutFeature[];
  /** Devices that tell a guest that it goes on from a state that others go on from, too; as `-device` takes them. */
  readonly generationDevices: readonly string[];
  /** Defaults, as `-global` takes them, without which QEMU goes back to no earlier state of a replay. */
  readonly steppable: readonly string[];
}

/** Where a kernel that did not move itself lies. */
export interface KernelMap {
  /** The virtual address of physical address 0, as the kernel's own image is mapped. */
  readonly start: bigint;
  /** Of that mapping, at most. */
  readonly bytes: bigint;
  /** The symbol of the kernel's own page table. */
  readonly pageTable: string;
}

/** A processor feature that TCG offers and a guest is not given, and why. */
export interface LeftOutFeature {
  readonly name: string;
  readonly because: string;
}

/** How a kernel for this architecture is built from source. */
export interface KernelBuildNames {
  /** As `make ARCH=` takes it. */
  readonly arch: string;
  /** The folder below `arch/` that has this architecture's own code. */
  readonly archFolder: string;
  /** Stands before the names of the compiler and the linker; empty: the host's own. */
  readonly compilerPrefix: string;
  /** What is made, and where it is below the object folder: what QEMU is given to boot. */
  readonly target: string;
  readonly image: string;
}

/** A C library of guests, as programs and Debian's folders name it. */
export interface CLibraryNames {
  /** The loader that programs ask for. */
  readonly loader: string;
  /** Debian keeps it, and what is linked with it, in folders of this name. @see https://wiki.debian.org/Multiarch/Tuples */
  readonly tuple: string;
}

/** The kernel that lies packed inside a boot image. */
export interface Payload {
  readonly data: Buffer;
  readonly compression: "gzip" | "xz" | "zstd" | "lz4" | "lzma" | "bzip2" | "lzo" | "none";
}

/** Files that QEMU boots. */
export interface BootImageFormat {
  /** How many bytes tell what a file is. */
  readonly headBytes: number;
  /** `elf`: an image with symbols; `packed`: what boot loaders load; undefined: neither. */
  readonly kindOf: (head: Buffer) => "elf" | "packed" | undefined;
  /** The packed one's name, and where the kernel's build leaves it. */
  readonly packedName: string;
  readonly packedPath: string;
  /** The kernel inside a packed image; undefined: it is none, or packed in an unknown way. */
  readonly payloadOf: (packed: Buffer) => Payload | undefined;
  /** Whether QEMU can enter an ELF image directly, which spares unpacking it under emulation. */
  readonly isEntered: (elf: Buffer) => boolean;
}

/** Where a virtual CPU stands, as QEMU's monitor tells. */
export interface CpuPosition {
  readonly cpu: number;
  /** Address of the next instruction. */
  readonly instruction: bigint;
  /** Address of the top of the stack. */
  readonly stack: bigint;
  readonly mode: "kernel" | "user";
  /** Whether it takes interrupts. A CPU that spins without them is deaf to everything but an NMI. */
  readonly interrupts: boolean;
  /** Whether it waits for an interrupt, as an idle CPU does. */
  readonly halted: boolean;
}

export interface RegisterFormat {
  /** Read what `info registers -a` of QEMU's monitor prints. */
  readonly read: (text: string) => CpuPosition[];
  /** How large a kernel stack is, and to what it is aligned. */
  readonly stackBytes: number;
}

/** @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp */
export interface SeccompNames {
  /** As a profile of the OCI names it. */
  readonly architecture: string;
  /** As the conditions of container engines name it. */
  readonly engineName: string;
  /** Headers that list its system calls and those of its smaller kin, as a compiler finds them. */
  readonly headers: readonly string[];
}
