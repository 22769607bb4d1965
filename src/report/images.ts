import { formatBytes } from "../base/size.ts";
import type { DocumentBody } from "./documents/documents.ts";
import { renderTable } from "./table.ts";

/** The images of the cache. */
export function renderImages(
  images: DocumentBody<"images list">["images"],
  options: { readonly width: number },
): string {
  if (images.length === 0)
    return "No image was made yet: the first machine makes one, or `dstate images build`.";
  const rows = images.map(({ id, createdAt, bytes }) => [id, createdAt, formatBytes(bytes)]);
  return renderTable(["image", "made", "size"], rows, options);
}
