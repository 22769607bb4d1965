import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { prepareView } from "../../src/repro/view.ts";
import { bootVm } from "./vm.ts";

const homeDir = fileURLToPath(new URL("../..", import.meta.url));

test("the reporter's screen: the workload loops on top, ps watches it, a kill -9 is typed in the focused pane and not run", async () => {
  await using vm = await bootVm();
  const tmux = async (command: string): Promise<string> =>
    (await vm.guest.exec(`tmux -L dstate-view ${command}`)).stdout.trim();
  // A process whose command line starts as npm's does.
  const view = {
    folder: "/srv/work",
    process: "npm ci",
    command: "echo round; exec -a 'npm ci' sleep 1000",
  };
  const command = await prepareView(vm.guest, { ...view, command: `bash -c "${view.command}"` }, { homeDir });
  await vm.guest.exec(command, { env: { DSTATE_VIEW_DETACHED: "1", COLUMNS: "100", LINES: "40" } });
  const panes = (await tmux("list-panes -F '#{pane_id} #{pane_active} #{pane_top}'")).split("\n");
  expect(panes.map((pane) => pane.split(" ")[1])).toEqual(["0", "0", "1"]);
  const [top, middle, bottom] = panes.map((pane) => pane.split(" ")[0] ?? "");
  const shown = async (pane = ""): Promise<string> => await tmux(`capture-pane -p -t '${pane}'`);
  const within = { timeout: 30_000 };
  await expect.poll(async () => await shown(top), within).toContain("round");
  await expect.poll(async () => await shown(middle), within).toMatch(/root +\d+ .* npm ci 1000/);
  await expect.poll(async () => await shown(bottom), within).toContain("kill -9 $(pgrep -o -f '^npm ci')");
  const { stdout: before } = await vm.guest.exec("pgrep -f '^npm ci'");
  await tmux(`send-keys -t '${bottom}' Enter`);
  await expect.poll(async () => await shown(top), within).toContain("ended with exit code 137");
  // The list is of what runs now, not of what ran when the view opened.
  await expect
    .poll(async () => await shown(middle), within)
    .not.toMatch(new RegExp(`root +${before.trim()} `));
  await expect.poll(async () => await shown(middle), within).toMatch(/root +\d+ .* npm ci 1000/);
  await expect
    .poll(async () => (await vm.guest.exec("pgrep -f '^npm ci'", { allowFailure: true })).stdout, within)
    .toMatch(new RegExp(`^(?!${before.trim()}$)\\d+`));
});
