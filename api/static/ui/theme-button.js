// Light, dark, or as the system has it. theme.js beside the page's HTML sets it before the first paint.

import { html, useState } from "../vendor/preact.js";
import { IconButton } from "./icon.js";

const KEY = "mm.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const ICON = { auto: "auto", light: "sun", dark: "moon" };
const WORDS = { auto: "as the system", light: "light", dark: "dark" };

export function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "auto");
  const turn = () => {
    const next = NEXT[theme];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // It holds until the page is left.
    }
    setTheme(next);
  };
  return html`<${IconButton} id="theme" name=${ICON[theme]} label=${`Theme: ${WORDS[theme]}; change to ${WORDS[NEXT[theme]]}`} onClick=${turn} />`;
}
