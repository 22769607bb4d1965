import type { MatrixRecord } from "../record/run-record.ts";
import { percent } from "./format.ts";

type Cell = MatrixRecord["cells"][number];

const verdicts: Readonly<Record<string, string>> = {
  "fails-always": "fails always",
  "fails-sometimes": "fails sometimes",
  fails: "fails",
  "not-seen": "not seen",
  inconclusive: "inconclusive",
  "infra-error": "infra-error",
};

/** The rates of all cells with their intervals: a grid where two axes vary, else a list. */
export function Matrix({
  matrix,
  onQuery,
}: {
  readonly matrix: MatrixRecord;
  readonly onQuery: (query: string) => void;
}) {
  const axes = axesOf(matrix.cells).filter(({ values }) => new Set(values).size > 1);
  const [down, across] = axes;
  const grid =
    axes.length === 2 &&
    down &&
    across &&
    new Set(down.values).size * new Set(across.values).size === matrix.cells.length;
  const cell = (index: number) => {
    const found = matrix.cells[index];
    return found ? <Rate cell={found} onOpen={() => onQuery(queryFor(found))} /> : null;
  };
  return (
    <section class="matrix">
      <h2>Matrix</h2>
      <div class="table-box">
        {grid ? (
          <table>
            <thead>
              <tr>
                <th>{`${down.name} \\ ${across.name}`}</th>
                {[...new Set(across.values)].map((value) => (
                  <th key={value} scope="col">
                    {value}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...new Set(down.values)].map((value) => (
                <tr key={value}>
                  <th scope="row">{value}</th>
                  {[...new Set(across.values)].map((other) => (
                    <td key={other}>
                      {cell(
                        matrix.cells.findIndex(
                          (_, index) => down.values[index] === value && across.values[index] === other,
                        ),
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <table>
            <thead>
              <tr>
                {axes.map(({ name }) => (
                  <th key={name}>{name}</th>
                ))}
                <th>rate</th>
              </tr>
            </thead>
            <tbody>
              {matrix.cells.map((each, index) => (
                <tr key={queryFor(each)}>
                  {axes.map(({ name, values }) => (
                    <td key={name} class="mono">
                      {values[index]}
                    </td>
                  ))}
                  <td>{cell(index)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
      <p class="quiet">{`The bar is what was seen, the line the interval of the true rate at ${percent(matrix.confidence)}.`}</p>
    </section>
  );
}

function Rate({ cell, onOpen }: { cell: Cell; onOpen: () => void }) {
  const judged = cell.reproduced + cell.clean;
  const rate = judged === 0 ? 0 : cell.reproduced / judged;
  const wide = 120;
  const text = judged === 0 ? "no trial could be judged" : `${cell.reproduced} of ${judged}`;
  return (
    <button type="button" class={`rate verdict-${cell.verdict}`} onClick={onOpen}>
      <span class="rate-verdict">{verdicts[cell.verdict] ?? cell.verdict}</span>
      <span class="rate-count">
        {text}
        {cell.earlier > 0 ? ` (${cell.earlier} earlier)` : ""}
        {cell.open ? " so far" : ""}
      </span>
      {judged > 0 && (
        <svg
          width={wide}
          height={16}
          role="img"
          aria-label={`true rate between ${percent(cell.low)} and ${percent(cell.high)}`}
        >
          <rect class="rate-room" x={0} y={5} width={wide} height={6} rx={3} />
          <rect
            class="rate-bar"
            x={0}
            y={5}
            width={Math.max(rate * wide, rate > 0 ? 3 : 0)}
            height={6}
            rx={3}
          />
          <path
            class="rate-line"
            d={`M${cell.low * wide} 3v10M${cell.low * wide} 8H${cell.high * wide}M${cell.high * wide} 3v10`}
          />
        </svg>
      )}
      <span class="quiet">
        {judged > 0 ? `${percent(cell.low)} to ${percent(cell.high)}` : (cell.problem ?? "")}
        {cell.inconclusive > 0 ? `, ${cell.inconclusive} inconclusive` : ""}
        {cell.infraErrors > 0 ? `, ${cell.infraErrors} infra-error` : ""}
      </span>
    </button>
  );
}

function axesOf(cells: readonly Cell[]): { name: string; values: string[] }[] {
  const own = [...new Set(cells.flatMap(({ cell }) => Object.keys(cell.axes)))];
  const env = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ") || "none";
  return [
    { name: "kernel", values: cells.map(({ cell }) => cell.kernel) },
    { name: "node", values: cells.map(({ cell }) => cell.node ?? "none") },
    { name: "env", values: cells.map(({ cell }) => env(cell.env)) },
    { name: "image", values: cells.map(({ cell }) => cell.image) },
    ...own.map((name) => ({ name, values: cells.map(({ cell }) => cell.axes[name] ?? "") })),
  ];
}

/** What finds the trials of a cell in the list. */
function queryFor({ cell }: Cell): string {
  const env = Object.entries(cell.env).map(([name, value]) => `${name}=${value}`);
  const own = Object.values(cell.axes);
  return [cell.kernel, ...(cell.node === undefined ? [] : [cell.node]), ...env, ...own].join(" ");
}
