import { formatBytes } from "../base/size.ts";
import type { BootBench } from "../bench/boot.ts";
import type { RestoreBench } from "../bench/restore.ts";
import type { Figures } from "../bench/statistics.ts";
import type { TrialBench } from "../bench/trial.ts";
import { renderTable } from "./table.ts";

/** How fast machines start and answer. */
export function renderBoot(result: BootBench, { width }: { readonly width: number }): string {
  const row = (name: string, figures: Figures | undefined, unit: string, digits = 2): string[][] =>
    figures === undefined
      ? []
      : [
          [
            name,
            ...[figures.min, figures.median, figures.max].map((value) => `${value.toFixed(digits)} ${unit}`),
            `${figures.n}`,
          ],
        ];
  const rows = [
    ...row("restore to first command", result.restoreToFirstCommandSeconds, "s"),
    ...row("cold boot to first command", result.coldBootToFirstCommandSeconds, "s"),
    ...row("vng --run", result.virtmeNgSeconds, "s"),
    ...row("round trip, fast channel", result.fastRoundTripMilliseconds, "ms"),
    ...row("round trip, ssh2", result.sshRoundTripMilliseconds, "ms"),
    ...row("round trip, OpenSSH multiplexed", result.openSshMultiplexedMilliseconds, "ms"),
  ];
  const { anonymousBytesPerClone: memory } = result;
  return [
    renderTable(["", "min", "median", "max", "n"], rows, { width }),
    ...renderRatios(result),
    `${result.clonesAtOnce} clones at once: ${formatBytes(result.clonesTogetherBytes)} together, ${formatBytes(memory.median)} anonymous each (median), all ready after ${result.clonesAllReadySeconds.toFixed(1)} s`,
  ].join("\n");
}

/** Medians of one run against each other: what carries over to another host. */
function renderRatios(result: BootBench): string[] {
  const { restoreToFirstCommandSeconds: restore, coldBootToFirstCommandSeconds: cold } = result;
  const { sshRoundTripMilliseconds: ssh, openSshMultiplexedMilliseconds: openSsh } = result;
  const { virtmeNgSeconds: vng } = result;
  return [
    ...(vng
      ? [
          `against vng --run: restore takes ${(vng.median / restore.median).toFixed(0)} times less, a cold boot ${(cold.median / vng.median).toFixed(2)} of it`,
        ]
      : []),
    ...(openSsh
      ? [
          `ssh2 takes ${(ssh.median / openSsh.median).toFixed(2)} of what OpenSSH takes over its open connection`,
        ]
      : []),
  ];
}

/** Many restores in a row. */
export function renderRestore(result: RestoreBench): string {
  const { restoreToFirstCommandSeconds: seconds, clockErrorMilliseconds: clock } = result;
  return [
    `${result.count} restores in a row, ${result.warm} of them warm; ${seconds.median.toFixed(2)} s to the first command (median)`,
    `different: ${result.machineIds} machine ids, ${result.hostnames} hostnames, ${result.randomSeeds} random seeds`,
    `${result.sawAnothersWrite} saw another one's write; the guest's clock was off by ${clock.median.toFixed(0)} ms (median), ${clock.max.toFixed(0)} ms at most`,
  ].join("\n");
}

/** Trials an hour. */
export function renderTrialBench({ trialsPerHour, jobs, outcomes }: TrialBench): string {
  const counts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  return `${trialsPerHour.toFixed(0)} trials an hour, ${jobs} side by side: ${counts.join(", ")}`;
}
