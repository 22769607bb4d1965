import type { Format } from "./format.ts";

type Row = readonly [subsystem: string, trouble: string, pattern: string, repeats?: number];

/** `driver bus-address: `, as the kernel's `dev_err` prints it; the address names the device. */
const dev = String.raw`^(?:[\w.-]{1,32} )?(?<device>[\w][\w:.@-]{0,48}): (?:[\w.-]{1,32}: )?`;
const pci = String.raw`^[\w-]{1,32} (?<device>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d)(?: \w{1,16})?: `;
const drm = String.raw`^(?:[\w-]{1,32} (?<device>[\w:.]{1,32}): )?(?:\[drm(?::[^\]]{1,60}(?:\[\w+\])?)?\] |(?:amdgpu|radeon): )?(?:\*ERROR\* )?`;
const disk = String.raw`(?!(?:fd|sr)\d)(?<device>[\w!-]{2,40})`;
const link = String.raw`^(?:[\w-]{1,32}(?: [0-9a-f:.]{12})?:? )?(?:\w{1,16}: )?(?<device>(?:e[nt]|wl|ib|p\d|bond|em\d)[\w.-]{0,15})(?: \(\w+\))?:? (?:\w+: )?(?:\w+ )?`;

/** By subsystem, with the file that prints most of it. `repeats`: it is trouble only when it comes that often. */
const rows: readonly Row[] = [
  // drivers/nvme/host/pci.c, core.c
  [
    "NVMe",
    "time-out",
    String.raw`^(?:nvme|block) (?<device>nvme\w+): I/O (?:tag )?\d+.* timeout, (?:aborting|reset|disable)`,
  ],
  ["NVMe", "controller is down", String.raw`^nvme (?<device>nvme\d+): controller is down; will reset`],
  ["NVMe", "controller was removed", String.raw`^nvme (?<device>nvme\d+): Removing after probe failure`],
  [
    "NVMe",
    "controller does not come up",
    String.raw`^nvme (?<device>nvme\d+): (?:Device not ready; aborting|Device shutdown incomplete|Identify Controller failed|failed to mark controller|Disabling device after reset failure|frozen state error)`,
  ],
  // drivers/ata/libata-eh.c
  ["ATA", "exception", String.raw`^(?<device>ata\d+)(?:\.\d+)?: exception Emask `],
  ["ATA", "failed command", String.raw`^(?<device>ata\d+)(?:\.\d+)?: failed command: `],
  [
    "ATA",
    "link does not come up",
    String.raw`^(?<device>ata\d+)(?:\.\d+)?: (?:COMRESET failed|softreset failed|hard resetting link failed|disabl(?:ed|ing)|limiting SATA link speed|revalidation failed|qc timeout|reset failed, giving up|link is slow to respond)`,
  ],
  // block/blk-mq.c, fs/buffer.c
  [
    "block",
    "I/O error",
    `^(?:blk_update_request: |print_req_error: |end_request: )?(?:I/O|critical (?:target|medium|space allocation|nexus|write)|timeout|recoverable transport|protection|device resource|zone resource|device offline) error, dev ${disk}, (?:logical block|sector) `,
  ],
  ["block", "I/O error", `^Buffer I/O error on dev(?:ice)? ${disk}, logical block`],
  // drivers/scsi/scsi_lib.c, scsi_error.c and hosts
  [
    "SCSI",
    "command failed",
    String.raw`^sd (?<device>[\d:]+): (?:\[\w+\] )?(?:tag#\d+ )?(?:UNKNOWN\(0x\w+\) |FAILED )Result: hostbyte=(?!(?:DID_OK|0x00) driverbyte=(?:DRIVER_OK|DRIVER_SENSE))`,
  ],
  [
    "SCSI",
    "device is offline",
    String.raw`^(?:sd|scsi|st|ses) (?<device>[\d:]+): (?:\[\w+\] )?(?:Device offlined|rejecting I/O to offline device|killing request)`,
  ],
  [
    "SCSI",
    "abort",
    String.raw`^(?:sd|scsi) (?<device>[\d:]+): (?:\[\w+\] )?(?:tag#\d+ )?(?:attempting task abort|ABORT|timing out command|uas_eh_\w+_handler|abort scheduled)`,
  ],
  [
    "SCSI",
    "host adapter fault",
    String.raw`^(?:[\w-]+ )?(?<device>[\w:.]+): (?:fault_state\(0x|FW in FAULT state|[Cc]ontroller lockup detected|Host adapter abort request|Host adapter reset request|Adapter reset|[Ff]irmware in fault state|IOC is in FAULT)`,
  ],
  [
    "iSCSI",
    "connection lost",
    String.raw`^ ?(?<device>connection\d+:\d+): (?:ping timeout|detected conn error)`,
  ],
  [
    "NBD",
    "connection lost",
    String.raw`^block (?<device>nbd\d+): (?:Connection timed out|Receive control failed|shutting down sockets)`,
  ],
  [
    "RAID",
    "disk failure",
    String.raw`^md/raid\w*:?(?<device>\w+): (?:Disk failure on|read error not correctable|Operation continuing on)`,
  ],
  ["multipath", "failing path", String.raw`^device-mapper: multipath:? ?(?<device>[\d:]+)?:? ?Failing path`],
  // drivers/mmc
  [
    "MMC",
    "time-out",
    String.raw`^(?<device>mmc\d+): (?:Timeout waiting for hardware|Card stuck|running CQE recovery|cqhci: timeout for tag|error -\d+ (?:sending|whilst)|Reset 0x\w+ never completed)`,
  ],
  // drivers/gpu/drm
  ["GPU", "ring time-out", String.raw`${drm}ring \S+ timeout, (?:signaled|but soft)`],
  [
    "GPU",
    "reset",
    String.raw`${drm}(?:GPU reset begin|GPU [Rr]ecovery|GPU reset\(\d+\) (?:failed|succeeded)|Resetting \S+ for (?!hang detection)|Resetting chip for|VRAM is lost|device lost from bus|Engine reset:|Timedout job|(?:Tile\d+: )?GT\d+: (?:Engine reset|reset (?:started|queued)|Timedout job))`,
  ],
  [
    "GPU",
    "hang",
    String.raw`${drm}(?:GPU HANG: |GPU lockup|ring \d+ stalled for more than|hangcheck |Waiting for fences timed out|gpu sched timeout|recover hung GPU|Resetting GPU for hang)`,
  ],
  ["GPU", "page fault", String.raw`${drm}(?:\[\w+\] (?:[\w-]+ )?page fault \(src_id|GPU fault detected: )`],
  [
    "GPU",
    "channel killed",
    String.raw`^nouveau (?<device>[\w:.]+): fifo: ?(?:SCHED_ERROR|fault \w+ \[|.*\bkilled\b|.*CTXSW_TIMEOUT)`,
  ],
  ["GPU", "NVIDIA Xid {xid}", String.raw`^NVRM: Xid \((?:PCI:)?(?<device>[0-9a-f:.]+)\): (?<xid>\d+)`],
  [
    "GPU",
    "has fallen off the bus",
    String.raw`^NVRM: (?:(?:The )?(?:NVIDIA )?GPU (?:at )?(?:PCI:)?(?<device>[0-9a-f:.]{7,16}(?<=\w))?.{0,80}has fallen off the bus|.{0,80}RmInitAdapter failed)`,
  ],
  // drivers/usb
  ["USB", "resets again and again", String.raw`^usb (?<device>[\d.-]+): reset \S+ USB device number`, 3],
  [
    "USB",
    "device does not answer",
    String.raw`^(?:usb|hub) (?<device>[\d.:-]+|usb\d+-port\d+): (?:device descriptor read/\w+, error|device not accepting address|unable to enumerate USB device|can't set config|cannot (?:reset|disable) )`,
    3,
  ],
  [
    "USB",
    "host controller died",
    String.raw`^\w+_hcd (?<device>[\w:.]+): (?:xHCI host (?:controller )?not responding|HC died|Abort failed to stop command ring|Host halt failed|WARNING: Host System Error)`,
  ],
  // drivers/net
  [
    "network",
    "transmit queue timed out",
    String.raw`^(?:\S+ \S+ )?(?<device>[\w.-]+)(?: \(\w+\))?: NETDEV WATCHDOG: CPU: \d+: transmit queue \d+ timed out`,
  ],
  [
    "network",
    "adapter hangs",
    String.raw`${pci}(?:[\w.-]+: )?(?:Detected (?:Hardware|Tx) Unit Hang|.*tx hang \d+ detected|Reset adapter|PCIe link lost|.*health compromised|.*hwrm req_type \w+ .*timed? ?out)`,
  ],
  ["network", "link goes down again and again", String.raw`${link}(?:is |NIC )?(?:[Ll]ink is )?[Dd]own\b`, 3],
  // drivers/net/wireless, drivers/bluetooth: firmware that crashed
  [
    "firmware",
    "crashed",
    `${dev}(?:Microcode SW error|(?:.* )?firmware (?:has )?crashed|HW error, resetting|.*PSM's watchdog has fired|.*dongle is in deadlock|Firmware has halted|SER catches error|firmware (?:assert|exception|hang|is not responding)|chip reset|Hardware became unavailable)`,
  ],
  [
    "firmware",
    "does not answer",
    String.raw`${dev}(?:Error sending \w+: time out after|Queue \d+ is (?:in)?active on fifo \d+ and stuck|Failed to start RT ucode|failed to (?:send h2c command|wake|leave lps)|Message \w+ \(seq \d+\) timeout)`,
  ],
  // arch/x86, drivers/edac, drivers/firmware/efi/cper.c, mm/memory-failure.c
  ["memory", "uncorrected error", String.raw`^EDAC (?<device>MC\d+): \d+ UE `],
  [
    "memory",
    "uncorrected error",
    String.raw`^(?:\{\d+\})?\[Hardware Error\]: (?:event severity: (?:fatal|recoverable)|Uncorrected, software|System Fatal error|Deferred error)`,
  ],
  [
    "memory",
    "page was poisoned",
    "^Memory failure: (?<page>0x[0-9a-f]+): (?:recovery action for|already hardware poisoned)",
  ],
  // drivers/pci/pcie, drivers/iommu, drivers/thermal
  [
    "PCIe",
    "uncorrected error",
    String.raw`${dev}(?:AER: )?(?:PCIe Bus Error: severity=Uncorrected|Uncorrected \((?:Non-)?Fatal\) error|Multiple Uncorrected|containment event)`,
  ],
  [
    "IOMMU",
    "fault",
    String.raw`^(?:DMAR: \[(?:DMA|INTR)[^\]]*\] Request device \[(?<device>[\w:.]+)|(?:[\w-]+ (?<device>[\w:.]+): )?(?:AMD-Vi: )?Event logged \[IO_PAGE_FAULT)`,
  ],
  [
    "IOMMU",
    "fault",
    String.raw`^arm-smmu(?:-v3)? (?<device>[\w.]+): (?:Unhandled context fault|event 0x10 received)`,
  ],
  ["thermal", "critical temperature", String.raw`^(?:thermal )?(?<device>\w+): critical temperature reached`],
];

/**
 * Devices that time out, reset, or fall off their bus; a frequent cause of tasks in D. What a device that works says
 * too (a corrected error, a link that goes down once) is not here.
 */
export const devices: readonly Format[] = rows.map(([subsystem, trouble, pattern, repeats]) => ({
  kind: "device-error",
  pattern: new RegExp(pattern),
  title: `${subsystem}: ${trouble}[ ({device})]`,
  about: { subsystem },
  // What begins with any driver's name could be said by other programs.
  ...(pattern.startsWith(dev) || pattern.startsWith(link) ? { stamped: true as const } : {}),
  ...(repeats === undefined ? {} : { repeats }),
}));
