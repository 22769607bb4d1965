import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { UsageError } from "../base/errors.ts";

/**
 * Signatures that minisign makes and checks: Ed25519 over BLAKE2b-512 of the file.
 *
 * @see https://jedisct1.github.io/minisign/
 */
export interface SigningKey {
  readonly key: KeyObject;
  /** Eight bytes that name the key. */
  readonly number: Buffer;
  /** As minisign's `-P` takes it. */
  readonly publicKey: string;
}

/** Ed25519 keys in the forms that Node reads, but for the 32 bytes of the key. @see https://www.rfc-editor.org/rfc/rfc8410 */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");
const spki = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Read a secret key: an Ed25519 key in PEM (`openssl genpkey -algorithm ed25519`), or minisign's own without a
 * password (`minisign -G -W`).
 *
 * @throws {UsageError} when it is neither.
 */
export function readSigningKey(text: string): SigningKey {
  if (text.includes("PRIVATE KEY")) {
    const key = asUsage("a PEM of an Ed25519 key", () => createPrivateKey(text));
    if (key.asymmetricKeyType !== "ed25519") throw new UsageError("the key is not Ed25519");
    const raw = rawPublic(key);
    return withPublic(key, createHash("sha256").update(raw).digest().subarray(0, 8));
  }
  const bytes = Buffer.from(lastLine(text), "base64");
  // Two letters of the algorithm, two of the password's, two of the checksum, 48 bytes for the password, then the key.
  if (bytes.length !== 158 || bytes.subarray(0, 2).toString() !== "Ed")
    throw new UsageError("expected an Ed25519 key in PEM, or a secret key of minisign");
  if (bytes.readUInt16LE(2) !== 0)
    throw new UsageError("this key of minisign is locked with a password", {
      next: "Make one without: `minisign -G -W`.",
    });
  const seed = bytes.subarray(62, 94);
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: "der", type: "pkcs8" });
  return withPublic(key, bytes.subarray(54, 62));
}

function withPublic(key: KeyObject, number: Buffer): SigningKey {
  const publicKey = Buffer.concat([Buffer.from("Ed"), number, rawPublic(key)]).toString("base64");
  return { key, number, publicKey };
}

function rawPublic(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
}

/** The text of a `.minisig` file for some bytes. */
export function signBytes(bytes: Uint8Array, { key, number }: SigningKey, comment: string): string {
  const signature = sign(null, digest(bytes), key);
  const whole = sign(null, Buffer.concat([signature, Buffer.from(comment)]), key);
  const line = Buffer.concat([Buffer.from("ED"), number, signature]).toString("base64");
  return [
    "untrusted comment: signature of a pack of dstate",
    line,
    `trusted comment: ${comment}`,
    whole.toString("base64"),
    "",
  ].join("\n");
}

/**
 * Check a signature. Nothing is asked of the network.
 *
 * @param publicKey as minisign prints it, or its file's text.
 * @returns the trusted comment.
 * @throws {UsageError} when the signature is not by that key, or not of these bytes.
 */
export function verifyBytes(bytes: Uint8Array, signatureText: string, publicKey: string): string {
  const known = Buffer.from(lastLine(publicKey), "base64");
  if (known.length !== 42 || known.subarray(0, 2).toString() !== "Ed")
    throw new UsageError("the public key is not one of minisign", {
      next: "It is one line that begins with RW.",
    });
  const [, line = "", trusted = "", global = ""] = signatureText.split("\n");
  const told = Buffer.from(line, "base64");
  const comment = /^trusted comment: (.*)$/.exec(trusted)?.[1];
  if (told.length !== 74 || comment === undefined)
    throw new UsageError("the signature is not one of minisign");
  if (!told.subarray(2, 10).equals(known.subarray(2, 10)))
    throw new UsageError("the pack is signed with another key than the one that is trusted");
  const key = createPublicKey({
    key: Buffer.concat([spki, known.subarray(10)]),
    format: "der",
    type: "spki",
  });
  const signature = told.subarray(10);
  // An old minisign signs the file itself.
  const signed = told.subarray(0, 2).toString() === "ED" ? digest(bytes) : Buffer.from(bytes);
  const good =
    verify(null, signed, key, signature) &&
    verify(null, Buffer.concat([signature, Buffer.from(comment)]), key, Buffer.from(global, "base64"));
  if (!good) throw new UsageError("the signature is not of this file: one of the two was changed");
  return comment;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("blake2b512").update(bytes).digest();
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

function asUsage<Value>(what: string, make: () => Value): Value {
  try {
    return make();
  } catch (cause) {
    throw new UsageError(`expected ${what}`, { cause });
  }
}
