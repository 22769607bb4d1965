/**
 * Where the source of a kernel release has a function: no line is known, so a search for its name.
 *
 * @example functionLink("io_sq_thread", "6.1.115") // "https://elixir.bootlin.com/linux/v6.1.115/A/ident/io_sq_thread"
 */
export function functionLink(name: string, release: string | undefined): string | undefined {
  const version = /^\d+\.\d+(?:\.\d+)?/.exec(release ?? "")?.[0];
  const plain = /^[A-Za-z_]\w*/.exec(name)?.[0];
  if (version === undefined || plain === undefined) return undefined;
  // The first release of a line has two numbers.
  return `https://elixir.bootlin.com/linux/v${version.replace(/^(\d+\.\d+)\.0$/, "$1")}/A/ident/${plain}`;
}

/** An address that a browser may be sent to; undefined: it is none. */
export function safeLink(address: string | undefined): string | undefined {
  return address !== undefined && /^https?:\/\//i.test(address) ? address : undefined;
}
