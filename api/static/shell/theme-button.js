// The theme button: system, light, dark. /static/theme.js applies a stored theme before the first paint.

import { IconButton } from "../ui/icon.js";
import { html, useState } from "../vendor/preact.js";

const STORAGE_KEY = "mm.theme";
const NEXT_THEME = { system: "light", light: "dark", dark: "system" };
const ICONS = { system: "system", light: "sun", dark: "moon" };

export function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "system");
  const next = NEXT_THEME[theme];
  const onClick = () => {
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem(STORAGE_KEY);
      else localStorage.setItem(STORAGE_KEY, next);
    } catch {
      // Without storage the theme lasts until the page is closed.
    }
    setTheme(next);
  };
  return html`<${IconButton} id="theme" name=${ICONS[theme]} label=${`Theme: ${theme}; change to ${next}`} onClick=${onClick} />`;
}
