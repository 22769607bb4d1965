import { gzipSync } from "node:zlib";
import type { CollectedPage } from "./collect.ts";

/** Where the data goes in the built page. */
export const dataMark = "<!--dstate:data-->";

/**
 * Put a run's data into the built page. Every block is packed and in base64, so there is no text of a guest in the
 * page that a browser could read as markup; the page's own policy allows no script but its own.
 */
export function assemblePage(template: string, { data, blocks }: CollectedPage): string {
  const index = gzipSync(JSON.stringify(data), { level: 6 }).toString("base64");
  const all: readonly (readonly [string, string])[] = [["index", index], ...blocks];
  const scripts = all.map(
    ([name, text]) => `<script type="text/plain" id="block ${escapeAttribute(name)}">${text}</script>`,
  );
  const at = template.indexOf(dataMark);
  if (at < 0) throw new Error("the built page has no place for data");
  return `${template.slice(0, at)}${scripts.join("\n")}${template.slice(at + dataMark.length)}`;
}

function escapeAttribute(text: string): string {
  return text.replace(/[&"<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
