import dagre from "@dagrejs/dagre";
import { useMemo } from "preact/hooks";
import type { WaitGraph, WaitNode } from "../kernel-log/wait-graph.ts";

/** Who waits for whom, drawn. */
export function Waits({ graph }: { readonly graph: WaitGraph }) {
  const drawn = useMemo(() => layOut(graph), [graph]);
  if (graph.nodes.length === 0) return <p class="empty">Nobody was seen waiting for anybody.</p>;
  const { nodes, edges, width, height } = drawn;
  return (
    <figure class="waits">
      {graph.sentence !== undefined && <p>{graph.sentence}</p>}
      <div class="waits-pane" tabindex={0} role="group" aria-label="drawing of who waits for whom">
        <svg width={width} height={height} role="img" aria-label={describe(graph)}>
          <defs>
            <marker
              id="arrow"
              viewBox="0 0 10 10"
              refX="9"
              refY="5"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path d="M0 0 10 5 0 10z" class="arrow-head" />
            </marker>
          </defs>
          {edges.map((edge) => (
            <g key={`${edge.from} ${edge.to}`} class="wait-edge">
              <path d={edge.path} marker-end="url(#arrow)" />
              <text x={edge.x} y={edge.y - 4} text-anchor="middle">
                {edge.label}
              </text>
            </g>
          ))}
          {nodes.map(({ node, x, y, width: wide, height: high }) => (
            <g key={node.id} class={`wait-node wait-${node.kind}`}>
              <rect
                x={x - wide / 2}
                y={y - high / 2}
                width={wide}
                height={high}
                rx={node.kind === "lock" ? high / 2 : 6}
              />
              <text class="wait-title" x={x} y={y + 4 - linesOf(node).length * 7} text-anchor="middle">
                {node.title}
              </text>
              {linesOf(node).map((text, index, all) => (
                <text
                  key={text}
                  class="wait-detail"
                  x={x}
                  y={y + 15 - (all.length - 1) * 7 + index * 14}
                  text-anchor="middle"
                >
                  {text}
                </text>
              ))}
            </g>
          ))}
        </svg>
      </div>
      <figcaption class="quiet">
        {graph.sentence === undefined
          ? "A holder is named only where the kernel says who it is; nothing is inferred from stacks."
          : "Read from the machine's memory by `dstate why`: a holder is named only where the lock itself names it."}
      </figcaption>
    </figure>
  );
}

function describe({ nodes, edges }: WaitGraph): string {
  const name = (id: string): string => nodes.find((node) => node.id === id)?.title ?? id;
  return edges.map(({ from, to, label }) => `${name(from)} ${label} ${name(to)}`).join("; ") || "tasks in D";
}

interface Placed {
  readonly node: WaitNode;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is known of a node, a line each. */
function linesOf({ detail }: WaitNode): string[] {
  return detail === "" ? [] : detail.split("; ");
}

function layOut({ nodes, edges }: WaitGraph): {
  nodes: Placed[];
  edges: { from: string; to: string; label: string; path: string; x: number; y: number }[];
  width: number;
  height: number;
} {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", ranksep: 80, nodesep: 24, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    const width = Math.max(node.title.length * 8.4, ...linesOf(node).map((text) => text.length * 6.2)) + 36;
    graph.setNode(node.id, { width, height: 34 + linesOf(node).length * 14 });
  }
  for (const { from, to } of edges) graph.setEdge(from, to);
  if (nodes.length > 0) dagre.layout(graph);
  const about = graph.graph();
  return {
    nodes: nodes.map((node) => {
      const { x, y, width, height } = graph.node(node.id);
      return { node, x: x ?? 0, y: y ?? 0, width: width ?? 0, height: height ?? 0 };
    }),
    edges: edges.map(({ from, to, label }) => {
      const points = graph.edge(from, to)?.points ?? [];
      const middle = points[Math.floor(points.length / 2)];
      const path = points
        .map(({ x, y }: { x: number; y: number }, index: number) => `${index === 0 ? "M" : "L"}${x} ${y}`)
        .join("");
      return { from, to, label, path, x: middle?.x ?? 0, y: middle?.y ?? 0 };
    }),
    width: about.width ?? 100,
    height: about.height ?? 60,
  };
}
