import type { PageFinding } from "../report/page/data.ts";
import type { LogPlace } from "./lanes.ts";
import { functionLink, safeLink } from "./links.ts";

export interface FindingsProps {
  readonly findings: readonly PageFinding[];
  readonly release: string | undefined;
  readonly onPlace: (place: LogPlace) => void;
}

/** What the kernel said is wrong: each bug once, with its call chain and links to the source of that release. */
export function Findings({ findings, release, onPlace }: FindingsProps) {
  if (findings.length === 0) return <p class="empty">The kernel found nothing wrong.</p>;
  return (
    <div class="findings">
      {findings.map((finding) => (
        <Finding
          key={`${finding.file} ${finding.firstLine}`}
          finding={finding}
          release={finding.kernel ?? release}
          onPlace={onPlace}
        />
      ))}
    </div>
  );
}

function Finding({
  finding,
  release,
  onPlace,
}: {
  finding: PageFinding;
  release: string | undefined;
  onPlace: FindingsProps["onPlace"];
}) {
  const { file, firstLine, lastLine, count } = finding;
  const who = [finding.task, finding.pid].filter((part) => part !== undefined).join(":");
  return (
    <article class={`finding tone-${finding.severity}`}>
      <h3>{finding.title}</h3>
      <p class="quiet">
        <button type="button" class="link" onClick={() => onPlace({ file, line: firstLine })}>
          {`${file}, lines ${firstLine} to ${lastLine}`}
        </button>
        {[
          finding.time === undefined ? "" : `at ${finding.time.toFixed(3)} s`,
          who,
          finding.cpu === undefined ? "" : `CPU ${finding.cpu}`,
          release === undefined ? "" : `Linux ${release}`,
          finding.taint === undefined ? "" : `taint ${finding.taint}`,
          count > 1 ? `${count} times` : "",
        ]
          .filter((text) => text !== "")
          .map((text) => ` · ${text}`)
          .join("")}
      </p>
      {finding.frames.length > 0 && (
        <ol class="frames">
          {finding.frames.map((frame, index) => {
            const link = functionLink(frame.function, release);
            const guilty = finding.guilty !== undefined && frame.function.split(".")[0] === finding.guilty;
            return (
              <li key={index} class={`${frame.reliable ? "" : "unreliable"}${guilty ? " guilty" : ""}`}>
                <code>
                  {frame.reliable ? "" : "? "}
                  {link === undefined ? (
                    frame.function
                  ) : (
                    <a href={link} rel="noreferrer noopener" target="_blank">
                      {frame.function}
                    </a>
                  )}
                  {frame.offset === undefined
                    ? ""
                    : `+0x${frame.offset.toString(16)}/0x${(frame.size ?? 0).toString(16)}`}
                  {frame.module === undefined ? "" : ` [${frame.module}]`}
                </code>
                {(frame.places ?? []).map((place) => {
                  const source = safeLink(place.link);
                  const text = `${place.file}:${place.line}${place.inlined ? ` (inlined ${place.function})` : ""}`;
                  return (
                    <span key={text} class="place">
                      {source === undefined ? (
                        text
                      ) : (
                        <a href={source} rel="noreferrer noopener" target="_blank">
                          {text}
                        </a>
                      )}
                    </span>
                  );
                })}
              </li>
            );
          })}
        </ol>
      )}
      {finding.registers !== undefined && (
        <details>
          <summary>registers</summary>
          <pre tabindex={0}>{finding.registers}</pre>
        </details>
      )}
    </article>
  );
}
