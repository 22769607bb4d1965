import { z } from "zod";
import { imageKinds } from "../../base/settings.ts";
import { kernelPinSchema } from "../../kernel/pins.ts";
import { figures, groupedFinding, texts } from "./parts.ts";

const someTexts = z.array(z.string());

export const repros = z.object({
  repros: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      badCell: z.string().describe("The cell that shows it, as people read it."),
      upstream: someTexts,
      axes: z.object({
        kernel: someTexts,
        node: someTexts.optional(),
        env: z.array(texts).optional(),
        own: z.record(z.string(), someTexts).optional(),
        files: someTexts.optional().describe("Axes that take the path of a file, too."),
        images: z
          .partialRecord(
            z.enum(imageKinds),
            z.object({ kernel: z.string().optional(), node: z.string().optional() }),
          )
          .optional()
          .describe("What comes first on a guest system, where that is not the first value of the axis."),
      }),
      file: z.string(),
    }),
  ),
  broken: z
    .array(z.object({ id: z.string(), file: z.string(), problem: z.string() }))
    .describe("Those that cannot be loaded."),
});

export const created = z.object({
  id: z.string(),
  folder: z.string(),
  files: someTexts.describe("In the folder."),
  name: z.string().describe("As `dstate run` takes it, in the folder where it was made."),
  needsDstate: z.boolean().describe("Editors and vitest do not find dstate from there yet."),
});

const known = z.object({
  selector: z.string().describe("As --kernel takes it."),
  version: z.string(),
  source: z.string(),
});

export const kernelsList = z.object({
  cached: z.array(
    z.object({
      selector: z.string().describe("As --kernel takes it."),
      id: z.string(),
      kind: z.string(),
      version: z.string().describe("What `uname -r` says."),
      bytes: z.int(),
      debugInfo: z.boolean(),
      createdAt: z.string(),
      provenance: z.string(),
    }),
  ),
  releases: z.array(known).describe("Built here from source."),
  packages: z.array(known).describe("Debian's own binaries."),
});

export const kernelsPin = z.object({
  added: z.boolean().describe("False: it was pinned already."),
  pin: kernelPinSchema,
});

export const kernel = z.object({
  selector: z.string(),
  exact: z.string().optional().describe("Names exactly this kernel, whatever was asked for."),
  version: z.string(),
  id: z.string(),
  boot: z.string().describe("The file that QEMU is given."),
  initrd: z.string().optional(),
  vmlinux: z.string().optional(),
  config: z.string().optional(),
  provenance: z.string(),
});

export const imagesList = z.object({
  images: z.array(z.object({ id: z.string(), dir: z.string(), createdAt: z.string(), bytes: z.int() })),
});

const cacheEntry = z.object({
  part: z.string().describe("The folder below the cache, such as kernels or snapshots."),
  key: z.string(),
  dir: z.string(),
  bytes: z.int().describe("On the disk: holes of a file take no room."),
  usedAt: z.string().describe("When it was used last, or else made."),
  state: z.enum(["whole", "corrupt", "unfinished"]),
  inUse: z.boolean().describe("Whether a process that lives uses it."),
});

export const cacheList = z.object({
  dir: z.string(),
  bytes: z.int(),
  entries: z.array(cacheEntry),
});

export const cachePrune = z.object({
  dryRun: z.boolean(),
  freed: z.int().describe("Bytes; with dryRun: that would be freed."),
  left: z.int(),
  pruned: z.array(z.object({ entry: cacheEntry, outcome: z.enum(["removed", "kept"]) })),
});

export const cacheVerify = z.object({
  corrupt: z.int(),
  removed: z.int(),
  entries: z.array(
    z.object({
      part: z.string(),
      key: z.string(),
      dir: z.string(),
      bytes: z.int(),
      failure: z.string().optional().describe("Why it is not what was stored."),
    }),
  ),
});

export const image = z.object({
  id: z.string(),
  kind: z.enum(imageKinds),
  path: z.string(),
  provenance: z.string(),
  packages: texts.describe("Version by name."),
});

const waitingTask = z.object({ comm: z.string(), pid: z.int() });

export const dmesg = z.object({
  log: z.string(),
  compression: z.string().nullable(),
  lines: z.int(),
  bytes: z.int(),
  total: z.int().describe("Findings, each time that one showed."),
  omitted: z.int(),
  kinds: z.record(z.string(), z.int()),
  decodedWith: z.array(
    z.object({
      vmlinux: z.string(),
      release: z.string(),
      tree: z.union([
        z.object({ type: z.literal("release"), version: z.string() }),
        z.object({ type: z.literal("git"), tree: z.string(), commit: z.string() }),
        z.object({ type: z.literal("unknown") }),
      ]),
    }),
  ),
  findings: z.array(groupedFinding),
  waits: z.array(
    z.object({
      waiter: waitingTask,
      lock: z.string(),
      owner: waitingTask.optional(),
      source: z.enum(["hung-task", "lockdep"]),
    }),
  ),
  heldLocks: z.array(z.object({ task: waitingTask, lock: z.string(), at: z.string().optional() })),
  explanation: z
    .object({
      finding: z.int().describe("Which, counted from 1."),
      title: z.string(),
      means: z.string(),
      waitsFor: z.string().optional(),
      next: z.string(),
      link: z.string(),
    })
    .optional()
    .describe("With --explain."),
  repros: z
    .array(z.object({ id: z.string(), title: z.string(), upstream: someTexts, lines: z.array(z.int()) }))
    .optional()
    .describe("With --repro: the known repros whose reports the log shows."),
});

export const tls = z.object({
  objects: z.array(
    z.object({
      object: z.string(),
      bytes: z.int().describe("Of thread-local storage, in each thread."),
      align: z.int(),
      model: z.enum(["static", "program", "dynamic", "none"]),
      symbols: z.array(z.object({ name: z.string(), bytes: z.int() })),
    }),
  ),
});

const accelerator = z.object({ type: z.enum(["kvm", "tcg"]), cpu: z.string().optional() });

export const doctor = z.object({
  needs: z.array(
    z.object({
      look: z.union([
        z.object({ program: z.string(), beside: z.string().optional() }),
        z.object({ header: z.string() }),
        z.object({ setting: z.string(), name: z.string() }),
      ]),
      package: z.string().describe("Debian's name."),
      for: z.string(),
      part: z.string(),
      found: z.string().nullable().describe("Where it is; null: it is missing."),
    }),
  ),
  findings: z.array(
    z.object({ what: z.string(), works: z.boolean(), text: z.string(), next: z.string().optional() }),
  ),
  acceleration: z.object({ accelerator, because: z.string() }).nullable(),
  dstate: z.string(),
  node: z.record(z.string(), z.string().optional()),
});

export const restores = z.object({
  count: z.int(),
  warm: z.int(),
  machineIds: z.int(),
  hostnames: z.int(),
  randomSeeds: z.int(),
  sawAnothersWrite: z.int(),
  clockErrorMilliseconds: figures,
  restoreToFirstCommandSeconds: figures,
});

export const kvmReport = z.object({
  facts: z.object({
    system: z.string(),
    kernel: z.string(),
    processor: z.string(),
    processors: z.int(),
    memory: z.string(),
    features: someTexts,
    clocksource: z.object({ current: z.string(), available: z.string() }),
    device: z.string(),
    mode: z.string().optional(),
    modules: someTexts,
  }),
  qemu: z.string(),
  boots: z.array(
    z.object({
      processor: z.string(),
      outcome: z.enum(["booted", "hung", "ended"]),
      milliseconds: z.number(),
      console: z.string(),
      qemu: z.string(),
    }),
  ),
  decision: z.string().optional(),
  guest: z
    .object({
      restores,
      clocksource: z.string(),
      availableClocksources: z.string(),
      log: someTexts,
    })
    .optional(),
  failure: z.string().optional(),
});

export const setup = z.object({
  installed: someTexts.describe("Packages."),
  missing: someTexts.describe("Packages that are still missing."),
  toMake: someTexts
    .optional()
    .describe("With a repro: parts of its machines that are neither in the cache nor in a registry."),
});
