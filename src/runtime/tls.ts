import { command } from "../base/command.ts";
import { parseTls, readelfOptions, type TlsUse } from "../observe/tls.ts";

/** An object's thread-local storage, with names as its source has them. */
export interface TlsAudit extends TlsUse {
  readonly object: string;
}

/**
 * What ELF files of this host ask of thread-local storage, largest first; those that ask for none are left out.
 *
 * @throws {InfraError} when readelf is missing or a file is no ELF object.
 * @example (await auditTls(["/usr/lib/x86_64-linux-gnu/libc.so.6"], { signal }))[0]?.bytes
 */
export async function auditTls(
  files: readonly string[],
  options: { readonly signal: AbortSignal },
): Promise<TlsAudit[]> {
  const audits: TlsAudit[] = [];
  const install = "Install the Debian package binutils: `npm run setup`.";
  for (const object of files) {
    const { stdout } = await command(["readelf", ...readelfOptions, object], {
      within: "1m",
      signal: options.signal,
      install,
    });
    const use = parseTls(stdout);
    if (use.model === "none") continue;
    audits.push({ object, ...use, symbols: await demangle(use.symbols, install, options.signal) });
  }
  return audits.sort((a, b) => b.bytes - a.bytes);
}

async function demangle(
  symbols: TlsUse["symbols"],
  install: string,
  signal: AbortSignal,
): Promise<TlsUse["symbols"]> {
  if (symbols.length === 0) return symbols;
  const input = `${symbols.map(({ name }) => name).join("\n")}\n`;
  const { stdout } = await command(["c++filt"], { within: "30s", signal, input, install });
  const names = stdout.split("\n");
  return symbols.map((symbol, index) => ({ ...symbol, name: names[index] || symbol.name }));
}
