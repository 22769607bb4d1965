/** One paragraph of a Debian control file: field name, in lower case, to its value. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * One paragraph of a Debian control file. Continuation lines are kept, each without its leading blank.
 *
 * @see deb822(5), https://man7.org/linux/man-pages/man5/deb822.5.html
 * @example parseStanza("Package: linux\nVersion: 6.1.115-1").get("version") // "6.1.115-1"
 */
export function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>();
  let current = "";
  for (const line of text.split("\n")) {
    if (/^[ \t]/.test(line)) {
      fields.set(current, `${fields.get(current) ?? ""}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    current = line.slice(0, colon).toLowerCase();
    fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}

/**
 * The paragraphs of an archive's index whose package name starts with a prefix. Indexes have tens of
 * thousands of paragraphs; only the ones wanted are parsed.
 */
export function stanzasOfPackages(index: string, prefix: string): Stanza[] {
  const stanzas: Stanza[] = [];
  const needle = `Package: ${prefix}`;
  for (let at = index.indexOf(needle); at >= 0; at = index.indexOf(needle, at + needle.length)) {
    if (at > 0 && index[at - 1] !== "\n") continue;
    const end = index.indexOf("\n\n", at);
    stanzas.push(parseStanza(index.slice(at, end < 0 ? undefined : end)));
  }
  return stanzas;
}

export interface HashedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** The files a `SHA256` or `Checksums-Sha256` field lists: one `hash size path` a line. */
export function hashedFiles(field: string | undefined): HashedFile[] {
  return (field ?? "").split("\n").flatMap((line) => {
    const [, sha256, size, path] = /^([0-9a-f]{64})\s+(\d+)\s+(\S+)$/.exec(line.trim()) ?? [];
    return sha256 && size && path ? [{ path, size: Number(size), sha256 }] : [];
  });
}
