import type { PageData, TrialDetail } from "../report/page/data.ts";

const texts = new Map<string, Promise<string>>();

/** The text of a block: unpacked when it is asked for, once. */
export async function readBlock(name: string): Promise<string> {
  const known = texts.get(name) ?? unpack(name);
  texts.set(name, known);
  return await known;
}

/** What is known of the run. */
export async function readIndex(): Promise<PageData> {
  return JSON.parse(await readBlock("index")) as PageData;
}

/** What is known of a trial. */
export async function readTrial(number: number): Promise<TrialDetail> {
  return JSON.parse(await readBlock(`trial ${number}`)) as TrialDetail;
}

async function unpack(name: string): Promise<string> {
  const packed = document.getElementById(`block ${name}`)?.textContent ?? "";
  const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}
