// The folder of a data set: a path, and the folders of the server that can be chosen.

import { isTemporary } from "../service/retry.js";
import { Field } from "../ui/fields.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { listFolders } from "./evaluation-client.js";

const getName = (path) => path.slice(path.lastIndexOf("/") + 1);
const getParent = (path) => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** `set` is the name of the data set; `error` is what the service says of the folder that was sent; `onChange(path)`. */
export function FolderField({ set, value, error, onChange }) {
  const [level, setLevel] = useState(""); // folder whose folders are listed
  const [{ folders, isComplete, problem }, setList] = useState({ folders: null, isComplete: true, problem: null });
  useEffect(() => {
    let isCurrent = true;
    listFolders(level).then(
      ({ folders: found, is_complete: complete }) => { if (isCurrent) setList({ folders: found, isComplete: complete, problem: null }); },
      (reason) => { if (isCurrent) setList({ folders: null, isComplete: true, problem: reason }); },
    );
    return () => { isCurrent = false; };
  }, [level]);
  const choose = (path) => { onChange(path); setLevel(path); };
  return html`
    <${Field} id="evaluation-folder" label="Folder" placeholder=${set} maxlength="1024" spellcheck="false" hint="Below MM_IMPORT_ROOT of the server."
      value=${value} error=${error ?? problem?.message} onInput=${(event) => onChange(event.target.value)} />
    ${problem && isTemporary(problem) && html`<p><button type="button" onClick=${() => setLevel("")}>Try again</button></p>`}
    ${folders && (folders.length > 0 || level !== "") && html`
      <ul class="folders" id="folders" aria-label=${level === "" ? "Folders of the server" : `Folders in ${level}`}>
        ${level !== "" && html`<li><button type="button" class="quiet plain" aria-label=${`Up, out of ${level}`} onClick=${() => choose(getParent(level))}><${Icon} name="previous" />Up</button></li>`}
        ${folders.map((path) => html`
          <li key=${path}><button type="button" aria-pressed=${String(path === value)} onClick=${() => choose(path)}>${getName(path)}</button></li>`)}
      </ul>`}
    ${!isComplete && html`<p class="muted">The first ${folders.length} folders are listed; others can be typed.</p>`}`;
}
