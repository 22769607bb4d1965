import { readFile } from "node:fs/promises";

/** What tells one kind of processor from another, as Linux reads it: model, stepping, microcode, features. */
const fields = ["vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags"] as const;

/** This host's processor, as /proc/cpuinfo has it for the first of them. */
export type HostProcessor = Readonly<Record<(typeof fields)[number], string>>;

/** Read the first processor of /proc/cpuinfo; a field that is not there is empty. */
export function parseProcessor(cpuinfo: string): HostProcessor {
  const [first = ""] = cpuinfo.split("\n\n");
  const read = (name: string): string => {
    const line = first.split("\n").find((line) => line.split(":")[0]?.trim() === name);
    return line?.slice(line.indexOf(":") + 1).trim() ?? "";
  };
  return {
    vendor_id: read("vendor_id"),
    "cpu family": read("cpu family"),
    model: read("model"),
    "model name": read("model name"),
    stepping: read("stepping"),
    microcode: read("microcode"),
    flags: read("flags"),
  };
}

/**
 * Names this host's kind of processor: a machine that was frozen under KVM goes on only where a guest finds the
 * processor it was booted on, with the features that it decided by at boot.
 *
 * @see https://www.qemu.org/docs/master/system/qemu-cpu-models.html (host passthrough and migration)
 */
export async function identifyProcessor(): Promise<string> {
  const found = parseProcessor(await readFile("/proc/cpuinfo", "utf8"));
  return fields.map((name) => found[name]).join("; ");
}
