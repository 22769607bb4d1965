import { scaleLinear } from "d3-scale";
import { area, curveStepAfter, line } from "d3-shape";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CpuPoint, Lane, Lanes, Mark } from "./lanes.ts";

export interface TimelineProps {
  readonly name: string;
  readonly lanes: Lanes;
  /** Milliseconds that the axis shows; two trials side by side share one. */
  readonly view: readonly [number, number];
  readonly onView: (view: readonly [number, number]) => void;
  readonly picked: Mark | undefined;
  readonly onPick: (mark: Mark) => void;
}

const rowHeight = 22;
const cpuHeight = 44;
const nameWidth = 150;

/**
 * A trial on one time axis. The whole picture is one stop of the Tab key: arrows walk from mark to mark, up and down
 * between lanes, + and - zoom, 0 shows all.
 */
export function Timeline({ name, lanes, view, onView, picked, onPick }: TimelineProps) {
  const [all, setAll] = useState(false);
  const [width, setWidth] = useState(900);
  const [pointer, setPointer] = useState<number>();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(320, node.clientWidth)));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const shown = useMemo(
    () => lanes.lanes.filter((lane) => lane.marks.length > 0 && (all || !lane.minor)),
    [lanes, all],
  );
  const hidden = lanes.lanes.filter((lane) => lane.minor).length;
  const x = scaleLinear([...view], [nameWidth, width - 12]);
  const rows = shown.map((lane, index) => ({ lane, y: 26 + index * rowHeight }));
  const cpuY = 26 + shown.length * rowHeight + 6;
  const height = cpuY + (lanes.cpu.length > 1 ? cpuHeight + 22 : 0);
  const zoom = (factor: number, at = (view[0] + view[1]) / 2): void => {
    const from = Math.max(0, at - (at - view[0]) * factor);
    const to = Math.min(lanes.length, Math.max(from + 50, at + (view[1] - at) * factor));
    onView([from, to]);
  };
  const pan = (ms: number): void => {
    const span = view[1] - view[0];
    const from = Math.min(Math.max(0, view[0] + ms), Math.max(0, lanes.length - span));
    onView([from, from + span]);
  };
  const walk = (step: 1 | -1): void => {
    const lane = shown.find(({ marks }) => marks.some(({ id }) => id === picked?.id)) ?? shown[0];
    const at = lane?.marks.findIndex(({ id }) => id === picked?.id) ?? -1;
    const next = lane?.marks[at < 0 ? 0 : at + step];
    if (next) onPick(next);
  };
  const change = (step: 1 | -1): void => {
    const at = shown.findIndex(({ marks }) => marks.some(({ id }) => id === picked?.id));
    const next = shown[at < 0 ? 0 : at + step];
    const t = picked?.t ?? 0;
    const nearest = next?.marks.reduce((best, mark) =>
      Math.abs(mark.t - t) < Math.abs(best.t - t) ? mark : best,
    );
    if (nearest) onPick(nearest);
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowRight: () => walk(1),
    ArrowLeft: () => walk(-1),
    ArrowDown: () => change(1),
    ArrowUp: () => change(-1),
    "+": () => zoom(0.5, picked?.t),
    "=": () => zoom(0.5, picked?.t),
    "-": () => zoom(2, picked?.t),
    "0": () => onView([0, lanes.length]),
  };
  const timeAt = (event: MouseEvent): number =>
    x.invert(event.clientX - (box.current?.getBoundingClientRect().left ?? 0));
  return (
    <div class="timeline" ref={box}>
      <svg
        width={width}
        height={height}
        tabindex={0}
        role="application"
        aria-label={`Timeline of ${name}. Arrow keys walk from mark to mark, plus and minus zoom, 0 shows all.`}
        onKeyDown={(event) => {
          const act = keys[event.key];
          if (!act || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          act();
        }}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.shiftKey) return;
          event.preventDefault();
          if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event));
          else pan(((event.deltaY || event.deltaX) * (view[1] - view[0])) / width);
        }}
        onMouseMove={(event) => setPointer(timeAt(event))}
        onMouseLeave={() => setPointer(undefined)}
      >
        <Axis x={x} height={height} width={width} />
        {rows.map(({ lane, y }) => (
          <Row key={lane.id} lane={lane} y={y} x={x} width={width} picked={picked} onPick={onPick} />
        ))}
        {lanes.cpu.length > 1 && <Cpu points={lanes.cpu} x={x} y={cpuY} width={width} />}
        {pointer !== undefined && pointer >= view[0] && pointer <= view[1] && (
          <g class="pointer">
            <line x1={x(pointer)} x2={x(pointer)} y1={18} y2={height} />
            <text x={x(pointer)} y={12} text-anchor="middle">
              {`${(pointer / 1000).toFixed(2)} s`}
            </text>
          </g>
        )}
      </svg>
      <div class="timeline-tools">
        <button type="button" onClick={() => zoom(0.5)} aria-label="zoom in">
          +
        </button>
        <button type="button" onClick={() => zoom(2)} aria-label="zoom out">
          −
        </button>
        <button type="button" onClick={() => onView([0, lanes.length])}>
          all
        </button>
        {hidden > 0 && (
          <button type="button" aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? `hide ${hidden} quiet threads` : `${hidden} more threads`}
          </button>
        )}
        <Legend />
      </div>
    </div>
  );
}

interface Scale {
  (t: number): number;
  ticks(count: number): number[];
}

function Axis({ x, height, width }: { x: Scale; height: number; width: number }) {
  return (
    <g class="axis" aria-hidden="true">
      {x.ticks(Math.max(3, Math.floor(width / 110))).map((tick) => (
        <g key={tick}>
          <line x1={x(tick)} x2={x(tick)} y1={18} y2={height} />
          <text x={x(tick)} y={12} text-anchor="middle">
            {`${tick / 1000} s`}
          </text>
        </g>
      ))}
    </g>
  );
}

interface RowProps {
  readonly lane: Lane;
  readonly y: number;
  readonly x: Scale;
  readonly width: number;
  readonly picked: Mark | undefined;
  readonly onPick: (mark: Mark) => void;
}

function Row({ lane, y, x, width, picked, onPick }: RowProps) {
  const right = width - 12;
  return (
    <g class="lane" data-lane={lane.id}>
      <text class="lane-name" x={nameWidth - 10} y={y + 14} text-anchor="end">
        {lane.title.length > 20 ? `${lane.title.slice(0, 19)}…` : lane.title}
        <title>{lane.hint ?? lane.title}</title>
      </text>
      <line class="lane-rule" x1={nameWidth} x2={right} y1={y + rowHeight - 1} y2={y + rowHeight - 1} />
      {lane.marks.map((mark) => {
        const from = Math.max(nameWidth, x(mark.t));
        const to = Math.min(right, x(mark.end ?? mark.t));
        if (to < nameWidth || from > right) return null;
        const span = mark.end !== undefined && mark.end > mark.t;
        const wide = Math.max(span ? 2 : 4, to - from);
        return (
          <g
            key={mark.id}
            class={`mark ${span ? "span" : "moment"} tone-${mark.tone}${picked?.id === mark.id ? " picked" : ""}`}
            data-mark={mark.id}
            onClick={() => onPick(mark)}
          >
            <title>{`${(mark.t / 1000).toFixed(2)} s: ${mark.label}`}</title>
            {/* Small things are hit easily: an unseen area around them takes the pointer. */}
            <rect class="hit" x={from - 3} y={y} width={wide + 6} height={rowHeight - 2} />
            <rect
              class="body"
              x={from}
              y={y + (span ? 4 : 3)}
              width={wide}
              height={span ? 13 : 15}
              rx={span ? 3 : 2}
            />
            {span && wide > 34 && (
              <text class="mark-name" x={from + 5} y={y + 14}>
                {fit(mark.short ?? mark.label, wide - 8)}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

/** As much of a text as has room, by the width of a letter. */
function fit(text: string, room: number): string {
  const letters = Math.max(2, Math.floor(room / 6.2));
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

function Cpu({ points, x, y, width }: { points: readonly CpuPoint[]; x: Scale; y: number; width: number }) {
  const most = Math.max(1, ...points.map(({ qemu }) => qemu));
  const cores = Math.ceil(most);
  const height = scaleLinear([0, cores], [y + cpuHeight, y]);
  const share = scaleLinear([0, 1], [y + cpuHeight, y]);
  const inside = points.filter(({ t }) => x(t) >= nameWidth && x(t) <= width - 12);
  const qemu = area<CpuPoint>()
    .x(({ t }) => x(t))
    .y0(y + cpuHeight)
    .y1((point) => height(point.qemu))
    .curve(curveStepAfter);
  const busy = line<CpuPoint>()
    .x(({ t }) => x(t))
    .y((point) => share(point.busy))
    .curve(curveStepAfter);
  const worst = Math.max(...points.map(({ steal }) => steal));
  return (
    <g class="cpu" data-lane="cpu">
      <text class="lane-name" x={nameWidth - 10} y={y + 14} text-anchor="end">
        CPU of QEMU
      </text>
      <text class="lane-note" x={nameWidth - 10} y={y + 29} text-anchor="end">
        {`0 to ${cores}${worst >= 0.05 ? `, steal to ${Math.round(100 * worst)} %` : ""}`}
      </text>
      <text class="lane-note" x={nameWidth - 10} y={y + 42} text-anchor="end">
        line: host busy
      </text>
      <path class="cpu-area" d={qemu(inside) ?? ""} />
      <path class="cpu-line" d={busy(inside) ?? ""} />
    </g>
  );
}

function Legend() {
  const states = [
    ["R", "runs"],
    ["S", "sleeps"],
    ["D", "uninterruptible"],
    ["Z", "ended"],
  ] as const;
  return (
    <span class="legend">
      {states.map(([state, text]) => (
        <span key={state} class={`tone-${state}`}>
          <i aria-hidden="true" />
          {state} {text}
        </span>
      ))}
      <span class="quiet">as each look saw them</span>
    </span>
  );
}
