import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import { release, totalmem } from "node:os";
import { formatBytes } from "../base/size.ts";
import { parseProcessor } from "../machine/host-processor.ts";

/** What a host says of itself that matters to KVM. Nothing in it names a person, a machine or an address. */
export interface KvmFacts {
  readonly system: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  readonly memory: string;
  /** `vmx` or `svm`: it can run guests by itself. `hypervisor`: this host is a guest. */
  readonly features: readonly string[];
  readonly clocksource: { readonly current: string; readonly available: string };
  readonly device: "missing" | "not for this user" | "opens";
  /** Of /dev/kvm, such as `0660`. */
  readonly mode: string | undefined;
  /** Modules and their parameters, such as `kvm_amd: nested=1`. */
  readonly modules: readonly string[];
}

const interesting = new Set(
  [
    "vmx",
    "svm",
    "hypervisor",
    "ept",
    "npt",
    "constant_tsc",
    "nonstop_tsc",
    "tsc_known_freq",
    "tsc_deadline_timer",
  ].concat(["tsc_adjust", "x2apic", "avx512f", "la57", "sev", "sev_es"]),
);
const parameters = ["nested", "ept", "npt", "avic", "enable_apicv", "unrestricted_guest", "tdp_mmu"];

/** Read them from /proc, /sys and /dev. */
export async function readKvmFacts(): Promise<KvmFacts> {
  const cpuinfo = await text("/proc/cpuinfo");
  const { flags, ...model } = parseProcessor(cpuinfo);
  const clock = "/sys/devices/system/clocksource/clocksource0";
  const found = await stat("/dev/kvm").catch(() => undefined);
  const opens = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  const modules = (await readdir("/sys/module").catch(() => [])).filter((name) => /^kvm(_|$)/.test(name));
  return {
    system: /^PRETTY_NAME="?(.*?)"?$/m.exec(await text("/etc/os-release"))?.[1] ?? "unknown",
    kernel: release(),
    processor: `${model["model name"]} (${model.vendor_id} ${model["cpu family"]}/${model.model}/${model.stepping})`,
    processors: cpuinfo.match(/^processor\s*:/gm)?.length ?? 0,
    memory: formatBytes(totalmem()),
    features: flags.split(" ").filter((flag) => interesting.has(flag)),
    clocksource: {
      current: (await text(`${clock}/current_clocksource`)).trim(),
      available: (await text(`${clock}/available_clocksource`)).trim(),
    },
    device: found === undefined ? "missing" : opens ? "opens" : "not for this user",
    mode: found && `0${(found.mode & 0o7777).toString(8)}`,
    modules: await Promise.all(modules.sort().map(describeModule)),
  };
}

async function describeModule(name: string): Promise<string> {
  const values: string[] = [];
  for (const parameter of parameters) {
    const value = (await text(`/sys/module/${name}/parameters/${parameter}`)).trim();
    if (value !== "") values.push(`${parameter}=${value}`);
  }
  return values.length === 0 ? name : `${name}: ${values.join(" ")}`;
}

async function text(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
