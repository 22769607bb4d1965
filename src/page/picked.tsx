import type { LogPlace, Mark } from "./lanes.ts";

/** What the mark under the keyboard or the pointer says, for eyes and ears. */
export function Picked({
  mark,
  onPlace,
}: {
  readonly mark: Mark | undefined;
  readonly onPlace: (place: LogPlace) => void;
}) {
  return (
    <div class="picked-box" role="status">
      {mark === undefined ? (
        <span class="quiet">Point at a mark, or walk through them with the arrow keys.</span>
      ) : (
        <>
          <b class="mono">{`${(mark.t / 1000).toFixed(2)} s${mark.end !== undefined && mark.end > mark.t ? ` to ${(mark.end / 1000).toFixed(2)} s` : ""}`}</b>{" "}
          <span class={`tone-text-${mark.tone}`}>{mark.label}</span>
          {mark.place !== undefined && (
            <button type="button" class="link" onClick={() => mark.place && onPlace(mark.place)}>
              {`${mark.place.file}, line ${mark.place.line}`}
            </button>
          )}
          {mark.detail !== undefined && mark.detail !== mark.label && <pre>{mark.detail}</pre>}
        </>
      )}
    </div>
  );
}
