import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { sanitize } from "../base/text.ts";
import type { PageLog } from "../report/page/data.ts";
import { readBlock } from "./blocks.ts";
import { bytes } from "./format.ts";
import type { LogPlace } from "./lanes.ts";

const lineHeight = 18;
/** More than this of a line is not drawn until it is asked for. */
const longestLine = 2000;
/** A browser draws no element of any height; far lines are reached by moving what is drawn. */
const mostHeight = 8_000_000;

export interface LogViewProps {
  readonly logs: readonly PageLog[];
  readonly place: LogPlace | undefined;
}

/** The texts of a trial, one at a time, with search. Only the lines that are seen are in the page. */
export function LogView({ logs, place }: LogViewProps) {
  const [file, setFile] = useState(place?.file ?? logs[0]?.file ?? "");
  const [lines, setLines] = useState<readonly string[]>([]);
  const [query, setQuery] = useState("");
  const [top, setTop] = useState(0);
  const [hit, setHit] = useState(0);
  const [current, setCurrent] = useState<number>();
  const pane = useRef<HTMLDivElement>(null);
  const log = logs.find((one) => one.file === file);
  useEffect(() => {
    if (place) setFile(place.file);
  }, [place]);
  useEffect(() => {
    let live = true;
    setLines([]);
    if (log) void readBlock(log.block).then((text) => live && setLines(linesOf(text)));
    return () => {
      live = false;
    };
  }, [log]);
  const rows = pane.current ? Math.ceil(pane.current.clientHeight / lineHeight) : 30;
  const height = Math.min(mostHeight, lines.length * lineHeight);
  const perPixel = lines.length / Math.max(1, height);
  const goTo = (line: number): void => {
    setCurrent(line);
    if (pane.current) pane.current.scrollTop = Math.max(0, (line - 6) / perPixel);
  };
  useEffect(() => {
    if (place && place.file === file && lines.length > 0) goTo(place.line - 1);
  }, [place, lines]);
  const hits = useMemo(() => {
    const wanted = query.toLowerCase();
    if (wanted === "") return [];
    const found: number[] = [];
    for (const [index, line] of lines.entries()) {
      if (line.toLowerCase().includes(wanted)) found.push(index);
      if (found.length === 10_000) break;
    }
    return found;
  }, [lines, query]);
  const step = (by: number): void => {
    if (hits.length === 0) return;
    const next = (hit + by + hits.length) % hits.length;
    setHit(next);
    goTo(hits[next] ?? 0);
  };
  useEffect(() => {
    setHit(0);
    if (hits[0] !== undefined) goTo(hits[0]);
  }, [hits]);
  const first = Math.min(Math.max(0, lines.length - rows), Math.max(0, Math.floor(top * perPixel)));
  const seen = lines.slice(first, first + rows + 2);
  if (logs.length === 0) return <p class="empty">This trial left no text.</p>;
  return (
    <div class="log">
      <div class="log-tools">
        <label>
          <span class="sr">file</span>
          <select value={file} onChange={(event) => setFile(event.currentTarget.value)}>
            {logs.map((one) => (
              <option key={one.file} value={one.file}>
                {`${one.file} (${bytes(one.bytes)})`}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span class="sr">search in this file</span>
          <input
            type="search"
            class="log-search"
            placeholder="search in this file"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Enter" && step(event.shiftKey ? -1 : 1)}
          />
        </label>
        <span class="quiet" role="status">
          {query === ""
            ? `${lines.length.toLocaleString("en-US")} lines`
            : `${hits.length === 0 ? "no" : `${hit + 1} of ${hits.length.toLocaleString("en-US")}`} lines`}
        </span>
        {log && log.omitted > 0 && (
          <span class="warn">{`${bytes(log.omitted)} in its middle are not in this page`}</span>
        )}
      </div>
      <section
        class="log-pane"
        ref={pane}
        tabindex={0}
        aria-label={`text of ${file}`}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div style={{ height: `${height}px` }}>
          <pre style={{ transform: `translateY(${top - (top % lineHeight)}px)` }}>
            {seen.map((line, index) => (
              <LogLine
                key={first + index}
                number={first + index}
                text={line}
                query={query}
                current={current === first + index}
              />
            ))}
          </pre>
        </div>
      </section>
    </div>
  );
}

function LogLine({
  number,
  text,
  query,
  current,
}: {
  number: number;
  text: string;
  query: string;
  current: boolean;
}) {
  const cut = text.length > longestLine;
  const shown = cut ? text.slice(0, longestLine) : text;
  const at = query === "" ? -1 : shown.toLowerCase().indexOf(query.toLowerCase());
  return (
    <span class={`log-line${current ? " current" : ""}`}>
      <span class="log-number" aria-hidden="true">
        {number + 1}
      </span>
      {at < 0 ? (
        shown
      ) : (
        <>
          {shown.slice(0, at)}
          <mark>{shown.slice(at, at + query.length)}</mark>
          {shown.slice(at + query.length)}
        </>
      )}
      {cut && (
        <i class="quiet">{` … ${(text.length - longestLine).toLocaleString("en-US")} more characters`}</i>
      )}
      {"\n"}
    </span>
  );
}

/** A text of a guest as lines that are fit to be shown. A line that rewrites itself stays one line. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => sanitize(line.replace(/\r+$/, "").replaceAll("\r", " "), { maxLength: 20_000_000 }));
}
