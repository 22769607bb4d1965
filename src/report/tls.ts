import type { TlsAudit } from "../diagnose/audit-tls.ts";
import { renderTable } from "./table.ts";

/**
 * Thread-local storage, an object a line.
 *
 * @param options.symbols how many variables of each object are shown.
 */
export function renderTls(
  audits: readonly TlsAudit[],
  options: { readonly symbols: number; readonly width: number },
): string {
  if (audits.length === 0) return "None of them has thread-locals.";
  const rows = audits.map(({ object, bytes, align, model, symbols }) => [
    object,
    `${bytes}`,
    `${align}`,
    model,
    symbols
      .slice(0, options.symbols)
      .map((symbol) => `${symbol.bytes} ${symbol.name}`)
      .join("\n"),
  ]);
  return renderTable(["object", "bytes", "align", "model", "largest variables"], rows, options);
}
