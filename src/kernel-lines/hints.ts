/** How many entries a table of hints has, as bits. */
const bits = 22;

/** How many bytes of a line a hint looks at. */
const width = 4;

/**
 * Where four bytes stand in a table of hints.
 *
 * @param bytes as a number, as a Uint32Array reads them.
 * @see https://en.wikipedia.org/wiki/Hash_function#Multiplicative_hashing
 */
export function hintAt(bytes: number): number {
  return Math.imul(bytes, 0xcc9e2d51) >>> (32 - bits);
}

/** How often a character stands in ordinary logs, the most common first; what is not named is rare. */
const common = [..." e0t1ao2in3s45r6789hdlcu:m.wfgypb-_=/vk[],"];

/** How common the letters of a piece of a word are. */
function commonness(letters: string): number {
  let product = 1;
  for (const letter of letters) {
    const at = common.indexOf(letter);
    product *= at < 0 ? 0.1 : 10 / (1 + at / 4);
  }
  return product;
}

/** What nearly every log is full of. */
const ordinary =
  " kernel: audit: type= time= level= info msg= event device driver devices registered interface service.\n" +
  " systemd[1]: Started Starting Stopped Stopping Mounted Finished Listening session of user root target\n" +
  " sshd: Accepted publickey accepting connection from port to for the and with using via new\n" +
  " memory page Memory BIOS-e820: ACPI: NETDEV_CHANGE Interrupt Link enabled disabled unable usable reserved Reserved critical\n" +
  " Linux version Command line: comm= name= success address bytes size number pci 0000:00: bus USB usb hub\n" +
  " init task mask setting scheduler protection shooting retries: disabled processor CPU cpu clock jiffies initialized Initializing registering command timeout default fault object I/O\n";

/** How telling a piece of a word is: the less, the more often it stands in ordinary logs. */
function ordinariness(piece: string): number {
  return (ordinary.includes(piece) ? 1e9 : 1) * commonness(piece);
}

/**
 * The pieces that stand for a word, as bytes. A log is looked at in steps of two bytes, so there is one for each of
 * the two places where a word can begin: of neighbours, those that other words have least. What a short word lacks
 * may be any byte; one of two letters stands before a number in brackets.
 */
function piecesOf(word: string): (readonly number[])[] {
  const letters = [...Buffer.from(word)];
  if (letters.length < 2) throw new RangeError(`${word} is too short to be looked for`);
  if (letters.length === 2)
    return numbersInBrackets.flatMap((number) => piecesOf(`${word}${number}`.slice(0, width)));
  if (letters.length <= width) {
    const behind = any.map((other) => [other, ...letters.slice(0, width - 1)]);
    return letters.length === width
      ? [letters, ...behind]
      : [...behind, ...any.map((other) => [...letters, other])];
  }
  const scores = Array.from({ length: letters.length - width + 1 }, (_, at) =>
    ordinariness(word.slice(at, at + width)),
  );
  const pairs = scores.slice(1).map((score, at) => score + (scores[at] ?? 0));
  const best = pairs.indexOf(Math.min(...pairs));
  return [letters.slice(best, best + width), letters.slice(best + 1, best + 1 + width)];
}

const any = Array.from({ length: 256 }, (_, byte) => byte);
const numbersInBrackets = [..."0123456789"].flatMap((digit) =>
  [..."0123456789]"].map((next) => digit + next),
);

/**
 * A table that says of the hash of four bytes whether a word may be there, see {@link hintAt}. To look it up takes a
 * tenth of the time that a regular expression of all words takes; what it marks has to be looked at again.
 */
export function hintTable(words: readonly string[]): Uint8Array {
  const table = new Uint8Array(1 << bits);
  for (const piece of words.flatMap(piecesOf)) {
    const [bytes = 0] = new Uint32Array(Uint8Array.from(piece).buffer);
    table[hintAt(bytes)] = 1;
  }
  return table;
}
