import { command } from "../base/command.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { CoreFile, KernelPlace } from "./core-file.ts";

const banner = "linux_banner";

/**
 * Where the kernel of a dump is. A kernel that is built for crash dumps has written down where it moved itself; one
 * that cannot move is where its image says. Which it is, is seen by what stands there: the kernel's own name.
 *
 * @param vmlinux the kernel's image with debug information.
 * @throws {UsageError} when the image is another kernel's, or the kernel is not found.
 */
export async function placeOfKernel(
  core: CoreFile,
  vmlinux: string,
  options: { readonly release: string; readonly signal: AbortSignal },
): Promise<KernelPlace> {
  const { start, bytes, pageTable } = guestPlatform.kernelMap;
  const symbols = await addressesOf(vmlinux, [banner, pageTable], options.signal);
  const name = symbols.get(banner);
  const table = symbols.get(pageTable);
  if (name === undefined || table === undefined)
    throw new UsageError(`${vmlinux} is no kernel image with symbols`, {
      next: "Name the vmlinux of a build, neither stripped nor packed.",
    });
  const expected = `Linux version ${options.release} `;
  const told = await noteInMemory(core);
  if (told) {
    const { note, moved, physical } = told;
    const place = { note, virtual: start, physical, bytes };
    const found = (await core.read(name - start + moved + physical, 200)).toString("latin1");
    if (found.startsWith(expected)) return place;
  }
  const found = (await core.read(name - start, 200)).toString("latin1");
  if (!found.startsWith(expected))
    throw new UsageError(
      `the kernel ${options.release} is not where ${vmlinux} has it in the machine's memory`,
      {
        next: "Name the vmlinux of exactly this kernel with --vmlinux. One that moves itself at boot is found only if it is built with CONFIG_VMCORE_INFO (CONFIG_CRASH_CORE), or booted with nokaslr.",
      },
    );
  const note = [
    `OSRELEASE=${options.release}`,
    "PAGESIZE=4096",
    `SYMBOL(swapper_pg_dir)=${table.toString(16)}`,
    "KERNELOFFSET=0",
    "NUMBER(phys_base)=0",
    "",
  ].join("\n");
  return { note, virtual: start, physical: 0n, bytes };
}

/** What a kernel that is built for crash dumps keeps in a page of its own. */
async function noteInMemory(
  core: CoreFile,
): Promise<{ readonly note: string; readonly moved: bigint; readonly physical: bigint } | undefined> {
  const begins = Buffer.from("OSRELEASE=");
  for await (const { physical: at, head } of core.pages(begins.length)) {
    if (!head.equals(begins)) continue;
    const page = (await core.read(at, 4096)).toString("latin1");
    const note = /^(?:[^\0=\n]{1,100}=[^\0\n]{0,200}\n)+/.exec(page)?.[0];
    const moved = note && /^KERNELOFFSET=([0-9a-f]{1,16})$/m.exec(note)?.[1];
    const physical = note && /^NUMBER\(phys_base\)=(-?\d{1,20})$/m.exec(note)?.[1];
    if (note === undefined || moved === undefined || physical === undefined) continue;
    return { note, moved: BigInt(`0x${moved}`), physical: BigInt(physical) };
  }
  return undefined;
}

async function addressesOf(
  vmlinux: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const argv = ["nm", "--format=posix", "--defined-only", "--", vmlinux];
  const { stdout } = await command(argv, {
    within: timeouts.host.symbols,
    signal,
    install: "Install binutils.",
  });
  const found = new Map<string, bigint>();
  for (const name of names) {
    const address = new RegExp(`^${name} \\w ([0-9a-f]+)`, "m").exec(stdout)?.[1];
    if (address !== undefined) found.set(name, BigInt(`0x${address}`));
  }
  return found;
}
