/** The same request from a program. */
import { Copy } from "../parts/copy";
import { useValue } from "../state";
import { conversation, draft, requestOf } from "./conversation";
import { parameters } from "./parameters";

export function Command({ model }: { model: string }) {
  const { turns } = useValue(conversation);
  const text = useValue(draft);
  useValue(parameters);
  const command = commandOf(requestOf(model, turns, text.trim() || "Hello!"));
  return (
    <details>
      <summary>Ask from a program</summary>
      <pre>
        <code>{command}</code>
      </pre>
      <Copy text={command} what="command" />
    </details>
  );
}

function commandOf(request: unknown): string {
  // Within single quotes a shell takes everything as it is, but for a quote.
  const body = JSON.stringify(request, null, 1).replaceAll("'", "'\\''");
  const url = new URL("v1/chat/completions", document.baseURI);
  return `curl ${url.origin}${url.pathname} \\\n  -H "authorization: Bearer $API_KEY" \\\n  -H 'content-type: application/json' \\\n  -d '${body}'`;
}
