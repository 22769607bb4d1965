import { InfraError } from "../base/errors.ts";

/** What a host is, as Node tells it. */
export interface HostKind {
  readonly platform: string;
  readonly arch: string;
}

/** What dstate does where it has no machines: everything about text and files. */
export const withoutMachines =
  "What needs no machine works here: dmesg (kernel logs of any architecture), tls FILE, repros, new, kernels and doctor.";

/**
 * Why a host can run no machines; undefined: it can, once what they need is installed.
 *
 * @example whyNoMachines({ platform: "darwin", arch: "arm64" }) // "machines need Linux on x86-64, and this is macOS on arm64"
 */
export function whyNoMachines({ platform, arch }: HostKind = process): string | undefined {
  if (platform === "linux" && arch === "x64") return undefined;
  const name =
    { darwin: "macOS", linux: "Linux", win32: "Windows", freebsd: "FreeBSD" }[platform] ?? platform;
  return `machines need Linux on x86-64, and this is ${name} on ${arch}`;
}

/**
 * Refuse work that needs a machine where there can be none, before anything is fetched.
 *
 * @throws {InfraError} naming what this host is, and what works on it.
 */
export function requireMachines(host: HostKind = process): void {
  const why = whyNoMachines(host);
  if (why !== undefined) {
    throw new InfraError(why, {
      next: `${withoutMachines} For the rest use a Linux host, or a virtual machine of x86-64 Linux on this one.`,
    });
  }
}
