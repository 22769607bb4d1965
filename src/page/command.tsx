import { useState } from "preact/hooks";

/** A command to copy. */
export function Command({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  if (text === "") return <p class="quiet">It was not recorded.</p>;
  return (
    <div class="command">
      <pre tabindex={0} role="region" aria-label="command">
        {text}
      </pre>
      <button
        type="button"
        onClick={() => {
          void navigator.clipboard?.writeText(text).then(
            () => setCopied(true),
            () => {},
          );
        }}
      >
        {copied ? "copied" : "copy"}
      </button>
    </div>
  );
}
