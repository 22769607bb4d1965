import type { AcceleratorType, Platform } from "../platform/platform.ts";

/** How QEMU runs the guest's instructions. */
export interface Accelerator {
  readonly type: AcceleratorType;
}

export interface Disk {
  /** virtio serial, at most 20 bytes: how the guest finds the disk. */
  readonly serial: string;
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** `private`: writes go to an unlinked file of QEMU's own and are gone with the machine. */
  readonly access: "read-only" | "private" | "read-write";
}

/** Everything QEMU is told. Data, so that what QEMU is told can be printed, compared and keyed. */
export interface MachineArguments {
  readonly platform: Platform;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: string;
  readonly initrd?: string | undefined;
  readonly commandLine: string;
  readonly disks: readonly Disk[];
  /**
   * The guest's memory as a file: `freeze` writes to it, `clone` reads it and keeps its own changes private.
   * `stream`: by the same name, but filled by the state that comes in.
   */
  readonly memoryFile?:
    | { readonly path: string; readonly use: "freeze" | "clone" }
    | { readonly use: "stream" }
    | undefined;
  /** Wait for a frozen machine's state to go on from, instead of booting. */
  readonly incoming?: boolean | undefined;
  /** UNIX sockets; sun_path holds 107 bytes. */
  readonly qmpSocket: string;
  /** Two FIFOs by this name and `.out` or `.in`; in a recorded machine a file. */
  readonly console: string;
  readonly commandsSocket: string;
  /** A second monitor, for a person. */
  readonly userMonitorSocket?: string | undefined;
  readonly errorsSocket: string;
  /** Whether a device tells the guest's kernel that it goes on from a state that others go on from, too. */
  readonly tellsGeneration?: boolean | undefined;
  /** Whether the guest may reach beyond the machine. */
  readonly network: "isolated" | "user";
  /** Write down everything that comes in from outside, or take it from what was written down. */
  readonly recording?: RecordingArguments | undefined;
}

/** @see https://www.qemu.org/docs/master/system/replay.html */
export interface RecordingArguments {
  readonly mode: "record" | "replay";
  /** The log of what came in. */
  readonly log: string;
  /** Wait for a debugger before the first instruction. */
  readonly paused?: boolean | undefined;
  /** How the guest's threads are moved against each other. Default: as in every recording. */
  readonly moves?: Moves | undefined;
  /**
   * When its clock begins, in UTC. The clock goes by the guest's instructions then, not by the host's, and what devices do
   * when a state is loaded is left out: a debugger can go back. Recordings of older versions have none.
   */
  readonly begins?: string | undefined;
}

/** What moves the slices that a recorded guest's threads get. */
export interface Moves {
  /** An instruction takes 2 to the power of this, in nanoseconds of the guest's clock: a slice has as many fewer. */
  readonly shift: number;
  /** What QEMU's randomness begins with. Default: the host's own. */
  readonly entropy?: number | undefined;
}

/** Those of a recording of which nothing else is said: an instruction takes 4 ns. */
export const plainMoves: Moves = { shift: 2 };

/**
 * QEMU's argument vector for a machine.
 *
 * @see https://www.qemu.org/docs/master/system/invocation.html
 */
export function qemuArguments(machine: MachineArguments): string[] {
  const { qemu } = machine.platform;
  const { recording } = machine;
  return [
    "-no-user-config",
    "-nodefaults",
    ...["-display", "none"],
    "-no-reboot",
    ...["-machine", `${qemu.machine}${machine.memoryFile === undefined ? "" : ",memory-backend=memory"}`],
    ...memoryArguments(machine),
    ...(recording ? recordingArguments(recording) : ["-accel", accelArgument(machine)]),
    ...(recording?.begins === undefined ? [] : qemu.steppable.flatMap((each) => ["-global", each])),
    ...["-cpu", qemu.processor[machine.accelerator.type]],
    ...["-smp", `${machine.cpus}`],
    ...["-m", `${Math.ceil(machine.memory / 1024 ** 2)}M`],
    ...["-kernel", machine.kernel],
    ...(machine.initrd === undefined ? [] : ["-initrd", machine.initrd]),
    ...["-append", machine.commandLine],
    ...(recording ? [] : consoleArguments(machine.console)),
    ...["-chardev", `socket,id=qmp,path=${escapeOption(machine.qmpSocket)},server=on,wait=off`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...(machine.userMonitorSocket === undefined ? [] : userMonitor(machine.userMonitorSocket)),
    ...(recording ? consoleFile(machine.console) : ["-serial", "chardev:console"]),
    // Without a port the guest's shell waits for ever, and does no harm: ssh is the way in.
    ...(recording
      ? []
      : [
          ...["-device", "virtio-serial-pci"],
          ...portArguments("commands", machine.commandsSocket),
          ...portArguments("errors", machine.errorsSocket),
        ]),
    ...machine.disks.flatMap((disk, index) => diskArguments(disk, index, recording !== undefined)),
    ...[
      "-netdev",
      `user,id=net,hostfwd=tcp:127.0.0.1:0-:22,restrict=${machine.network === "isolated" ? "on" : "off"}`,
    ],
    // A guest that goes on need not tell its network where it is now: QEMU's own has nobody who would have to know.
    ...[
      "-device",
      `virtio-net-pci,netdev=net,${recording ? `romfile=${recordedNetwork(recording)}` : "guest_announce=off,romfile="}`,
    ],
    ...(recording ? ["-object", "filter-replay,id=recorded-net,netdev=net"] : []),
    ...["-device", `virtio-rng-pci${recording ? recordedRandomness(recording) : ""}`],
    // What these tell differs from start to start.
    ...(recording || machine.tellsGeneration !== true
      ? []
      : qemu.generationDevices.flatMap((device) => ["-device", device])),
    // The state comes later, over the monitor.
    ...(machine.incoming === true ? ["-incoming", "defer"] : []),
  ];
}

/**
 * What a recorded device does, it does when the guest asks or when the guest's clock says so, never when QEMU's main
 * loop has its turn: that is not the same twice.
 */
const byTheGuest = ",ioeventfd=off";

/** A network card that tells of itself when its state is loaded does what it did not do then: the replay stands still. */
function recordedNetwork({ begins }: RecordingArguments): string {
  return `,tx=timer${byTheGuest}${begins === undefined ? "" : ",guest_announce=off"}`;
}

/** The timer that limits how much is given is not part of a state. It rings after as many milliseconds: in 46 days. */
function recordedRandomness({ begins }: RecordingArguments): string {
  return `${byTheGuest}${begins === undefined ? "" : ",period=4000000000"}`;
}

function accelArgument(machine: MachineArguments): string {
  return machine.accelerator.type === "tcg" ? "tcg,thread=multi" : "kvm";
}

/** The name of the state that a recording begins with, among the snapshots of its disk. */
export const firstState = "start";

/**
 * The guest's clock counts instructions. It also runs on while the guest sleeps, at the host's pace: with `sleep=off`
 * it would run away while disks work.
 */
function recordingArguments({ mode, log, paused, moves = plainMoves, begins }: RecordingArguments): string[] {
  const { shift, entropy } = moves;
  return [
    ...["-accel", "tcg,thread=single"],
    ...["-icount", `shift=${shift},rr=${mode},rrfile=${escapeOption(log)},rrsnapshot=${firstState}`],
    ...(entropy === undefined ? [] : ["-seed", `${entropy}`]),
    // Timers by the host's clock ring when QEMU's main loop has its turn.
    ...(begins === undefined
      ? []
      : ["-rtc", `base=${begins.slice(0, "2026-11-27T20:15:00".length)},clock=vm`]),
    ...(paused === true ? ["-S"] : []),
  ];
}

/** FIFOs, which keep what comes before anybody reads, the first byte too: see {@link SerialPipes}. */
function consoleArguments(path: string): string[] {
  return ["-chardev", `pipe,id=console,path=${escapeOption(path)}`];
}

/**
 * The console of a recorded machine goes into a file, and nothing comes in through it: what a socket takes, and when,
 * is not the same twice, and QEMU 7.2 gives up on it ("Missing character write event").
 */
function consoleFile(path: string): string[] {
  return ["-serial", `file:${escapeOption(path)}`];
}

function userMonitor(socket: string): string[] {
  return [
    ...["-chardev", `socket,id=user-qmp,path=${escapeOption(socket)},server=on,wait=off`],
    ...["-mon", "chardev=user-qmp,mode=control"],
  ];
}

function memoryArguments(machine: MachineArguments): string[] {
  if (!machine.memoryFile) return [];
  if (machine.memoryFile.use === "stream")
    return ["-object", `memory-backend-ram,id=memory,size=${machine.memory}`];
  const { path, use } = machine.memoryFile;
  const share = use === "freeze" ? "on" : "off";
  return [
    "-object",
    `memory-backend-file,id=memory,size=${machine.memory},mem-path=${escapeOption(path)},share=${share}`,
  ];
}

/** A port of virtio-serial; QEMU waits for us, so that the guest never sees the other end closed. */
function portArguments(name: string, socket: string): string[] {
  return [
    ...["-chardev", `socket,id=${name},path=${escapeOption(socket)},server=on,wait=on`],
    ...["-device", `virtserialport,chardev=${name},name=dstate.${name}`],
  ];
}

function diskArguments(disk: Disk, index: number, isRecorded: boolean): string[] {
  const id = `disk${index}`;
  const access = {
    "read-only": ",readonly=on",
    private: ",snapshot=on",
    "read-write": "",
  }[disk.access];
  const file = isRecorded ? `${id}-file` : id;
  return [
    ...[
      "-drive",
      `if=none,id=${file},format=${disk.format},file=${escapeOption(disk.path)},cache=unsafe${access}`,
    ],
    // When a request ends is written down, too.
    ...(isRecorded
      ? [
          "-drive",
          `driver=blkreplay,if=none,id=${id},image=${file}${disk.access === "read-only" ? ",readonly=on" : ""}`,
        ]
      : []),
    ...[
      "-device",
      `virtio-blk-pci,drive=${id},serial=${escapeOption(disk.serial)}${isRecorded ? byTheGuest : ""}`,
    ],
  ];
}

/** In QEMU's option lists a comma ends a value; two stand for one. */
function escapeOption(value: string): string {
  return value.replaceAll(",", ",,");
}
