import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { TimelineEvent } from "../record/timeline.ts";
import type { PageLog } from "../report/page/data.ts";
import { readBlock } from "./blocks.ts";
import { harmless } from "./harmless.ts";

export interface ScreenProps {
  readonly logs: readonly PageLog[];
  readonly timeline: readonly TimelineEvent[];
}

const speeds = [1, 4, 16] as const;

/** The serial console as a terminal that plays it again, with the times at which its lines came. */
export function Screen({ logs, timeline }: ScreenProps) {
  const log = logs.find(({ file }) => file === "console.log");
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const [lines, setLines] = useState<readonly string[]>([]);
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(4);
  const moments = useMemo(
    () => timeline.flatMap((event) => (event.type === "console" ? [{ t: event.t, lines: event.lines }] : [])),
    [timeline],
  );
  const length = timeline.at(-1)?.t ?? 0;
  const written = useRef(0);
  useEffect(() => {
    if (!box.current) return;
    const made = new Terminal({
      cols: 120,
      rows: 26,
      disableStdin: true,
      convertEol: true,
      scrollback: 5000,
      fontSize: 12,
      screenReaderMode: false,
      // What a guest prints as a link is text.
      linkHandler: { activate: () => {} },
    });
    made.open(box.current);
    // It takes no input, so it is no stop for the Tab key.
    box.current.querySelector("textarea")?.setAttribute("tabindex", "-1");
    terminal.current = made;
    return () => made.dispose();
  }, []);
  useEffect(() => {
    let live = true;
    if (log)
      void readBlock(log.block).then((text) => {
        if (!live) return;
        setLines(text.split("\n").map(harmless));
        setAt(length);
      });
    return () => {
      live = false;
    };
  }, [log, length]);
  useEffect(() => {
    const view = terminal.current;
    if (!view || lines.length === 0) return;
    const last = moments.findLast(({ t }) => t <= at)?.lines ?? 0;
    const upTo = moments.length === 0 || at >= length ? lines.length : last;
    if (upTo < written.current) {
      view.reset();
      written.current = 0;
    }
    for (const line of lines.slice(Math.max(written.current, upTo - 5000), upTo)) view.writeln(line);
    written.current = upTo;
  }, [at, lines, moments, length]);
  useEffect(() => {
    if (!playing) return;
    let before = performance.now();
    let frame = requestAnimationFrame(function next(now: number) {
      const passed = (now - before) * speed;
      before = now;
      setAt((time) => {
        if (time + passed >= length) setPlaying(false);
        return Math.min(length, time + passed);
      });
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, length]);
  if (!log) return <p class="empty">Nothing was printed on the console.</p>;
  return (
    <div class="screen">
      <div class="screen-tools">
        <button
          type="button"
          onClick={() => {
            if (!playing && at >= length) setAt(0);
            setPlaying(!playing);
          }}
        >
          {playing ? "pause" : "play"}
        </button>
        <label>
          <span class="sr">time</span>
          <input
            type="range"
            min={0}
            max={length}
            value={at}
            onInput={(event) => setAt(Number(event.currentTarget.value))}
          />
        </label>
        <span class="mono">{`${(at / 1000).toFixed(1)} of ${(length / 1000).toFixed(1)} s`}</span>
        <fieldset class="speeds">
          <legend class="sr">speed</legend>
          {speeds.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={speed === one}
              onClick={() => setSpeed(one)}
            >{`${one}×`}</button>
          ))}
        </fieldset>
      </div>
      <div class="screen-box" ref={box} />
      {moments.length === 0 && <p class="quiet">No times were recorded: all of it is shown.</p>}
    </div>
  );
}
