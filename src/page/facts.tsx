import type { PageData, PageTrial, TrialDetail } from "../report/page/data.ts";
import { Command } from "./command.tsx";
import { bytes, percent } from "./format.ts";

export interface FactsProps {
  readonly data: PageData;
  readonly trial: PageTrial;
  readonly detail: TrialDetail;
}

/** Everything that took part, by version and hash. */
export function Facts({ data, trial, detail }: FactsProps) {
  const parts = trial.parts === undefined ? undefined : data.run.parts[trial.parts];
  const { machine, load } = trial;
  const rows: [string, string | undefined][] = [
    ["kernel", parts?.kernel.provenance ?? detail.versions.kernelFrom],
    ["kernel, sha256", parts?.kernel.sha256],
    ["configuration, sha256", parts?.kernel.configSha256],
    ["image", parts?.image.provenance ?? detail.versions.image],
    ["its packages, sha256", parts?.image.packagesSha256],
    [
      "Node",
      parts?.node === undefined ? detail.versions.node : `${parts.node.version}, libuv ${parts.node.libuv}`,
    ],
    ["bin/node, sha256", parts?.node?.sha256],
    ["accelerator", machine?.acceleration ?? detail.versions.acceleration],
    ["QEMU", machine?.qemu],
    ["start", machine && (machine.start === "warm" ? "from a frozen machine" : "booted")],
    [
      "host meanwhile",
      load &&
        `load ${load.before[0]} to ${load.after[0]}, busy ${percent(load.busy)}, steal ${percent(load.steal)}, ${bytes(load.freeMemory)} free`,
    ],
    ...Object.entries(detail.columns),
  ];
  return (
    <div class="facts">
      <dl>
        {rows
          .filter((row): row is [string, string] => row[1] !== undefined && row[1] !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      <h3>QEMU's command</h3>
      <Command text={detail.command.join(" ")} />
      <h3>Files of this trial</h3>
      <ul class="files">
        {detail.files.map(({ name, bytes: size }) => (
          <li key={name}>
            <code>{name}</code> <span class="quiet">{bytes(size)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
