import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { keptOf } from "../lab/find-kept.ts";
import { giveKept } from "../lab/kept-in-registry.ts";
import { pushPack } from "../pack/in-registry.ts";
import { readSigningKey, signBytes } from "../pack/minisign.ts";
import { packRun } from "../pack/pack.ts";
import { findRun, readRun } from "../record/read-run.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface PackOptions {
  readonly out?: string;
  readonly sign?: string;
  readonly kept?: boolean;
  readonly json?: boolean;
}

/** `dstate pack`: a run as one file that another host runs again. */
export function addPack(program: Command, session: Session): void {
  const command = program
    .command("pack")
    .argument("[run]", "a run's folder, or a part of its name; the last one without")
    .description("make one file of a run: its repro, what it was made from, its evidence")
    .option("--out <file>", "where it goes; default: the repro's id and the pack's own, with .dstate")
    .option("--sign <key>", "sign it: an Ed25519 key in PEM, or minisign's own without a password")
    .option("--kept", "with --push: give the machine that the run kept, too, and the keys to it")
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "`dstate rerun FILE` runs it again, on any host. A kernel is not in it but how it is made: the release or package, its pinned hash and its configuration. A signature is a file beside it, which minisign checks too. With --push the registry of DSTATE_CACHE_REGISTRY has both.",
    ],
    examples: ["dstate pack", "dstate pack io-uring-dstate-62e3 --sign key.pem"],
  }).action(async (name: string | undefined, options: PackOptions) => {
    const context = await session.context();
    const run = await readRun(await findRun(name, context.settings));
    const packed = await packRun(run, context.settings);
    const { bytes, id, manifest } = packed;
    const file = resolve(options.out ?? `${manifest.about.id}-${id.slice(0, 12)}.dstate`);
    const key = options.sign === undefined ? undefined : readSigningKey(await readKey(options.sign));
    await writeFile(file, bytes);
    const signature = key && `${file}.minisig`;
    const signed = key && signBytes(bytes, key, `dstate pack ${id}`);
    if (signed !== undefined && signature !== undefined) await writeFile(signature, signed);
    const { cachePush, cacheRegistry } = context.settings;
    const there =
      cachePush && cacheRegistry ? await pushPack(packed, signed, cacheRegistry, context) : undefined;
    if (options.kept === true && !there)
      throw new UsageError("--kept gives a machine to a registry", {
        next: "Say --push, and set DSTATE_CACHE_REGISTRY=oci://HOST/NAME.",
      });
    const kept =
      options.kept === true && cacheRegistry
        ? await giveKept((await keptOf(run)).folder, cacheRegistry, context)
        : undefined;
    const { omitted } = manifest;
    session.result(
      "pack",
      {
        file,
        id,
        bytes: bytes.length,
        omitted,
        ...(signature === undefined ? {} : { signature }),
        ...(key === undefined ? {} : { publicKey: key.publicKey }),
        ...(there === undefined ? {} : { registry: there }),
        ...(kept === undefined ? {} : { kept }),
      },
      {
        json: options.json,
        text: () =>
          [
            `${file} (${formatBytes(bytes.length)})`,
            ...omitted.map((left) => `left out, too large: ${left.path} (${formatBytes(left.bytes)})`),
            ...(signature === undefined ? [] : [`${signature}, by the key ${key?.publicKey}`]),
            ...(there === undefined
              ? []
              : [`${there.known ? "already in" : "given to"} the registry: ${there.reference}`]),
            ...(kept === undefined ? [] : [`its kept machine, elsewhere: dstate attach ${kept.pinned}`]),
            `again, on any host: dstate rerun ${there?.pinned ?? file.split("/").at(-1)}`,
          ].join("\n"),
      },
    );
  });
}

async function readKey(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UsageError(`the key ${path} cannot be read`, { cause });
  });
}
