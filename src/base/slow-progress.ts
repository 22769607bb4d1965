import { type Duration, toMilliseconds } from "./duration.ts";
import { expectationText, type Progress } from "./progress.ts";
import { sanitize } from "./text.ts";

/**
 * Progress for programs that show none of their own: silent while things are quick; a step that takes longer than
 * `after` is named on a line, then every `every` how far it is, and its end.
 *
 * @param write is given one line at a time, without its end.
 * @example openVm({ kernel: "6.1.129", progress: slowProgress((line) => console.error(line)) })
 */
export function slowProgress(
  write: (line: string) => void,
  options: { readonly after?: Duration; readonly every?: Duration } = {},
): Progress {
  const after = toMilliseconds(options.after ?? "2s");
  const every = toMilliseconds(options.every ?? "15s");
  const running = new Map<string, { title: string; said: string; told: boolean; timer: NodeJS.Timeout }>();
  const tell = (text: string): void => write(`dstate: ${sanitize(text, { maxLength: 500 })}`);
  return (event) => {
    if (event.type === "note") return tell(event.text);
    if (event.type === "output") return write(event.text);
    if (event.type === "start") {
      const step = { title: event.title, said: "", told: false, timer: setTimeout(() => {}, 0) };
      const takes = event.expected ? `: ${expectationText(event.expected)}` : " ...";
      const next = (): void => {
        tell(`${step.title}${step.told && step.said !== "" ? `: ${step.said}` : takes}`);
        step.told = true;
        step.timer = setTimeout(next, every).unref();
      };
      clearTimeout(step.timer);
      step.timer = setTimeout(next, after).unref();
      running.set(event.id, step);
      return;
    }
    const step = running.get(event.id);
    if (!step) return;
    if (event.type === "update") {
      const share = event.share === undefined ? [] : [`${Math.floor(event.share * 100)} %`];
      step.said = [...share, ...(event.detail === undefined ? [] : [event.detail])].join(", ");
      return;
    }
    clearTimeout(step.timer);
    running.delete(event.id);
    const outcome = event.outcome === undefined ? "" : `: ${event.outcome}`;
    if (step.told) tell(`${event.failed ? "failed" : "done"}: ${step.title}${outcome}`);
  };
}
