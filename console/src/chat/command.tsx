/** The same request from a program. */
import { useState } from "preact/hooks";
import { Copy } from "../parts/copy";
import { useValue } from "../state";
import { conversation, draft, requestOf } from "./conversation";
import { mistakeIn, parameters } from "./parameters";

export function Command({ model }: { model: string }) {
  // Nobody has it written anew with every piece of an answer who does not look at it.
  const [open, setOpen] = useState(false);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Ask from a program</summary>
      {open && <Written model={model} />}
    </details>
  );
}

function Written({ model }: { model: string }) {
  const { turns } = useValue(conversation);
  const text = useValue(draft);
  const mistake = mistakeIn(useValue(parameters));
  if (mistake) return <p class="muted">{mistake}</p>;
  const command = commandOf(requestOf(model, turns, text.trim() || "Hello!"));
  return (
    <>
      <pre>
        <code>{command}</code>
      </pre>
      <Copy text={command} what="command" />
    </>
  );
}

function commandOf(request: unknown): string {
  // Within single quotes a shell takes everything as it is, but for a quote.
  const body = JSON.stringify(request, null, 1).replaceAll("'", "'\\''");
  const url = new URL("v1/chat/completions", document.baseURI);
  return `curl ${url.origin}${url.pathname} \\\n  -H "authorization: Bearer $API_KEY" \\\n  -H 'content-type: application/json' \\\n  -d '${body}'`;
}
