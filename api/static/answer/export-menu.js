// A menu to copy a text as Markdown, and to save it as Markdown or as subtitles.

import { Menu } from "../ui/menu.js";
import { copyText, removeExtension, saveText } from "../ui/save-text.js";
import { html } from "../vendor/preact.js";
import { formatSrt } from "./export.js";

/** `markdown` is a function that returns the text; `subtitles` is [{name, cues}]; `name` is that of the Markdown file
 *  without its extension. */
export function ExportMenu({ name, markdown, subtitles }) {
  const close = (event) => { event.currentTarget.closest("details").open = false; };
  const run = (action) => (event) => { close(event); action(); };
  return html`
    <${Menu} label="Export">
      <button type="button" onClick=${run(() => copyText(markdown()))}>Copy as Markdown</button>
      <button type="button" onClick=${run(() => saveText(name, ".md", markdown(), "text/markdown"))}>Save as Markdown</button>
      ${subtitles.map((file, i) => html`
        <button type="button" key=${i} onClick=${run(() => saveText(removeExtension(file.name), ".srt", formatSrt(file.cues), "application/x-subrip"))}>
          Save as SRT${subtitles.length > 1 && `: ${file.name}`}</button>`)}
    <//>`;
}
