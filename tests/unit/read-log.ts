import type { DecodedReport } from "../../src/log/decode.ts";
import { readLog } from "../../src/log/read.ts";

/** A log's report as `dstate dmesg` makes it, from pieces of it in memory. */
export async function reportOf(...pieces: readonly (string | Uint8Array)[]): Promise<DecodedReport> {
  async function* chunks(): AsyncGenerator<string | Uint8Array> {
    yield* pieces;
  }
  const { signal } = new AbortController();
  return { ...(await readLog({ name: "a test's log", chunks: chunks() }, { signal })), decodedWith: [] };
}
