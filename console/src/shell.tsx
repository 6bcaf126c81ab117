/** What surrounds every view. */
import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { AccountView } from "./account/account-view";
import { ChatView } from "./chat/chat-view";
import { Health } from "./health";
import { ModelsView } from "./models/models-view";
import { VIEWS, type View, view } from "./place";
import { ScoresView } from "./scores/scores-view";
import { SqlView } from "./sql/sql-view";
import { useValue } from "./state";
import { ThemeSwitch } from "./theme";
import { TrafficView } from "./traffic/traffic-view";

const SHOWN: Record<View["id"], ComponentType> = {
  chat: ChatView,
  sql: SqlView,
  scores: ScoresView,
  models: ModelsView,
  traffic: TrafficView,
  key: AccountView,
};

const TITLES: Record<View["id"], string> = {
  chat: "Chat",
  sql: "Text to SQL",
  scores: "Which model suits a prompt",
  models: "Models and adapters",
  traffic: "Traffic",
  key: "Key and quotas",
};

export function Shell() {
  const { id, name } = useValue(view);
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  // Who goes to another view with the keyboard, or hears the page, goes on at its beginning.
  useEffect(() => {
    document.title = `${name} · llm-inference-api`;
    if (!first.current) heading.current?.focus();
    first.current = false;
  }, [id]);
  const Shown = SHOWN[id];
  return (
    <>
      <button type="button" class="skip" onClick={() => heading.current?.focus()}>
        Skip to the content
      </button>
      <header>
        <div class="bar">
          <p class="brand">llm-inference-api</p>
          <Health />
          <ThemeSwitch />
        </div>
        <nav aria-label="Views">
          <ul>
            {VIEWS.map((view) => (
              <li key={view.id}>
                <a href={`#${view.id}`} aria-current={view.id === id ? "page" : undefined}>
                  {view.name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <main>
        <h1 ref={heading} tabIndex={-1}>
          {TITLES[id]}
        </h1>
        <Shown />
      </main>
      <footer>
        <a href="docs">Documentation</a>
        <a href="openapi.json">OpenAPI</a>
        <a href="metrics">Metrics</a>
        <a href="health">Health</a>
      </footer>
    </>
  );
}
