import type { CellChoice } from "../../src/lab/cell.ts";
import type { Observation as Epoll } from "../repros/epoll-mt-conformance/trial.ts";
import type { Observation as Flagship } from "../repros/io-uring-dstate/trial.ts";
import type { Observation as Musl } from "../repros/musl-membarrier-eintr/trial.ts";
import type { Observation as Seccomp } from "../repros/seccomp-thread-create/trial.ts";
import type { Observation as Tls } from "../repros/static-tls-exhaustion/trial.ts";

/** A healthy cell of a repro: its bug is not there. */
export interface HealthyCell {
  readonly repro: string;
  readonly choice: CellChoice;
  /** Of the trials: so many of all shares together. */
  readonly share: number;
  /** Whether the workload came to its end: asked apart from the repro's own `healthy`, which is on trial, too. */
  readonly finished: (observation: unknown) => boolean;
}

/** A cell with a question about what its trials see, whose shape its repro says. */
function cell<Observation>(
  repro: string,
  choice: CellChoice,
  share: number,
  finished: (observation: Observation) => boolean,
): HealthyCell {
  return { repro, choice, share, finished: (seen) => finished(seen as Observation) };
}

const ranNode = ({ status, finished }: Seccomp): boolean => status === 0 && finished;
const loaded = ({ loaded, exitCode }: Tls): boolean => loaded && exitCode === 0;
const timedOut = ({ polled }: Musl): boolean => polled?.returned === 0;
const delivered = ({ results }: Epoll): boolean =>
  results.length > 0 && results.every(({ state }) => state === "ok");
const allRounds = ({ ended, completedRounds, rounds, powerOff }: Flagship): boolean =>
  ended.type === "exit" && completedRounds === rounds && powerOff.state === "off";

/**
 * What healthy trials are made of, in hundredths: mostly what is over in ten seconds, on a kernel with io_uring's bug and
 * on one without, and some of the report that it is about.
 */
export const mixture: readonly HealthyCell[] = [
  cell("epoll-mt-conformance", { kernel: "6.1.129", axes: { layer: "kernel" } }, 20, delivered),
  cell("epoll-mt-conformance", { kernel: "6.1.115", axes: { layer: "kernel" } }, 16, delivered),
  cell("musl-membarrier-eintr", { kernel: "6.1.129", axes: { seccomp: "unconfined" } }, 12, timedOut),
  cell("musl-membarrier-eintr", { kernel: "6.1.129", axes: { seccomp: "default" } }, 9, timedOut),
  cell("musl-membarrier-eintr", { kernel: "6.1.115", axes: { libc: "glibc" } }, 9, timedOut),
  cell("seccomp-thread-create", { kernel: "6.1.129", axes: { seccomp: "default" } }, 14, ranNode),
  cell("seccomp-thread-create", { kernel: "6.1.129", axes: { seccomp: "clone3-enosys" } }, 8, ranNode),
  cell("seccomp-thread-create", { kernel: "6.1.115", axes: { seccomp: "unconfined" } }, 5, ranNode),
  cell("static-tls-exhaustion", { kernel: "6.1.129", axes: { addon: "ie-1024" } }, 2, loaded),
  cell("static-tls-exhaustion", { kernel: "6.1.115", axes: { addon: "gd-4248" } }, 2, loaded),
  cell("io-uring-dstate", { kernel: "6.1.129" }, 2, allRounds),
  cell("io-uring-dstate", { kernel: "6.1.115", env: { UV_USE_IO_URING: "0" } }, 1, allRounds),
];

/**
 * The order of some trials: each cell by its share, spread evenly, so that any beginning of it is a mixture, too. Pure.
 *
 * @example planOf([{ share: 2 }, { share: 1 }], 4) // the first, the second, the first, the first
 */
export function planOf<Each extends Pick<HealthyCell, "share">>(
  cells: readonly Each[],
  count: number,
): Each[] {
  const taken = new Map<Each, number>();
  return Array.from({ length: count }, () => {
    // The one that is the furthest behind its share.
    const due = (each: Each): number => ((taken.get(each) ?? 0) + 0.5) / each.share;
    const next = cells.reduce((best, each) => (due(each) < due(best) ? each : best));
    taken.set(next, (taken.get(next) ?? 0) + 1);
    return next;
  });
}
