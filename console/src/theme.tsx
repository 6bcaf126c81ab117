/** Light, dark, or what the system says. */
import { State, useValue } from "./state";

const PLACE = "llm-inference-api.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const NAMES: Record<Theme, string> = { system: "System", light: "Light", dark: "Dark" };

function remembered(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(PLACE)) ?? "system";
  } catch {
    return "system";
  }
}

const theme = new State<Theme>(remembered());

/** Styles look at it on the outermost element. */
function show() {
  document.documentElement.dataset.theme = theme.value;
}

show();
theme.listen(show);

function choose(chosen: Theme) {
  theme.set(chosen);
  try {
    localStorage.setItem(PLACE, chosen);
  } catch {
    // Then it is for this visit.
  }
}

export function ThemeSwitch() {
  const current = useValue(theme);
  return (
    <label class="theme">
      <span class="hidden">Theme</span>
      <select value={current} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        {THEMES.map((theme) => (
          <option key={theme} value={theme}>
            {NAMES[theme]}
          </option>
        ))}
      </select>
    </label>
  );
}
