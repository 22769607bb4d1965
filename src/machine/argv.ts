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
  readonly consoleSocket: string;
  readonly commandsSocket: string;
  /** A second monitor, for a person. */
  readonly userMonitorSocket?: string | undefined;
  readonly errorsSocket: string;
  /** Whether the guest may reach beyond the machine. */
  readonly network: "isolated" | "user";
}

/**
 * QEMU's argument vector for a machine.
 *
 * @see https://www.qemu.org/docs/master/system/invocation.html
 */
export function qemuArguments(machine: MachineArguments): string[] {
  const { qemu } = machine.platform;
  return [
    "-no-user-config",
    "-nodefaults",
    ...["-display", "none"],
    "-no-reboot",
    ...["-machine", `${qemu.machine}${machine.memoryFile === undefined ? "" : ",memory-backend=memory"}`],
    ...memoryArguments(machine),
    ...["-accel", machine.accelerator.type === "tcg" ? "tcg,thread=multi" : "kvm"],
    ...["-cpu", qemu.processor[machine.accelerator.type]],
    ...["-smp", `${machine.cpus}`],
    ...["-m", `${Math.ceil(machine.memory / 1024 ** 2)}M`],
    ...["-kernel", machine.kernel],
    ...(machine.initrd === undefined ? [] : ["-initrd", machine.initrd]),
    ...["-append", machine.commandLine],
    // QEMU waits for the console's listener before it makes anything else: the first byte is heard.
    ...["-chardev", `socket,id=console,path=${escapeOption(machine.consoleSocket)},server=on,wait=on`],
    ...["-chardev", `socket,id=qmp,path=${escapeOption(machine.qmpSocket)},server=on,wait=off`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...(machine.userMonitorSocket === undefined ? [] : userMonitor(machine.userMonitorSocket)),
    ...["-serial", "chardev:console"],
    ...["-device", "virtio-serial-pci"],
    ...portArguments("commands", machine.commandsSocket),
    ...portArguments("errors", machine.errorsSocket),
    ...machine.disks.flatMap(diskArguments),
    ...[
      "-netdev",
      `user,id=net,hostfwd=tcp:127.0.0.1:0-:22,restrict=${machine.network === "isolated" ? "on" : "off"}`,
    ],
    ...["-device", "virtio-net-pci,netdev=net,romfile="],
    ...["-device", "virtio-rng-pci"],
    ...qemu.devices.flatMap((device) => ["-device", device]),
    // The state comes later, over the monitor.
    ...(machine.incoming === true ? ["-incoming", "defer"] : []),
  ];
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

function diskArguments(disk: Disk, index: number): string[] {
  const id = `disk${index}`;
  const access = {
    "read-only": ",readonly=on",
    private: ",snapshot=on",
    "read-write": "",
  }[disk.access];
  return [
    ...[
      "-drive",
      `if=none,id=${id},format=${disk.format},file=${escapeOption(disk.path)},cache=unsafe${access}`,
    ],
    ...["-device", `virtio-blk-pci,drive=${id},serial=${escapeOption(disk.serial)}`],
  ];
}

/** In QEMU's option lists a comma ends a value; two stand for one. */
function escapeOption(value: string): string {
  return value.replaceAll(",", ",,");
}
