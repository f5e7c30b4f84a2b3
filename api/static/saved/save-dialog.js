// The dialog that saves the query with its filters, and the one that renames a saved search.

import { filters } from "../library/filter-store.js";
import { query } from "../search/query-store.js";
import { Dialog } from "../ui/dialog.js";
import { Icon, IconButton } from "../ui/icon.js";
import { showToast } from "../ui/notifications.js";
import { html, useState } from "../vendor/preact.js";
import { editSearch, saveSearch } from "./saved-client.js";
import { createSavedQuery, describeObstacle, listConditions } from "./saved-query.js";
import { loadSearches } from "./saved-store.js";

const BANDS = { likely: "Likely results only", possible: "Likely and possible results", weak: "All results" };

/** The button in the bar of the results. */
export function SaveSearch() {
  const [isOpen, setOpen] = useState(false);
  const obstacle = describeObstacle(query.use(), filters.use());
  return html`
    <button type="button" id="save-search" disabled=${obstacle !== null} title=${obstacle ?? "Be shown what matches this search from now on"}
      onClick=${() => setOpen(true)}><${Icon} name="save" />Save search</button>
    ${isOpen && html`<${SaveDialog} onClose=${() => setOpen(false)} />`}`;
}

function SaveDialog({ onClose }) {
  const [searched] = useState(createSavedQuery);
  const [name, setName] = useState(searched.text ?? "");
  const [band, setBand] = useState("likely");
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState("");
  const [problem, setProblem] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    const webhook = url.trim() || secret.trim() ? { url: url.trim(), secret: secret.trim() } : null;
    try {
      await saveSearch({ ...searched, name, band, webhook });
    } catch (refusal) {
      return setProblem(refusal);
    }
    onClose();
    loadSearches();
    showToast(`Saved as ${name}. Matches of new items are shown under Saved searches.`);
  };
  return html`
    <${Dialog} id="save-search-dialog" label="save-search-title" onClose=${onClose}>
      <header class="bar"><h2 id="save-search-title">Save search</h2><${IconButton} name="close" label="Close (Esc)" onClick=${onClose} /></header>
      <form class="fields" onSubmit=${save}>
        <p class="muted">${searched.text && html`<q>${searched.text}</q>`} ${listConditions(searched).join(" · ")}</p>
        <label>Name <input id="saved-name" required maxlength="200" value=${name} onInput=${(event) => setName(event.target.value)} aria-describedby="saved-problem" /></label>
        <label>Matches
          <select id="saved-band" value=${band} onChange=${(event) => setBand(event.target.value)}>
            ${Object.entries(BANDS).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
          </select></label>
        <details>
          <summary>Webhook</summary>
          <div class="fields">
            <label>Address <input id="saved-url" type="url" maxlength="2000" placeholder="https://" value=${url} onInput=${(event) => setUrl(event.target.value)} /></label>
            <label>Secret <input id="saved-secret" type="password" autocomplete="off" maxlength="200" placeholder="whsec_" value=${secret} onInput=${(event) => setSecret(event.target.value)} /></label>
            <p class="muted">Each match is sent there, signed with the secret. It needs a key with the scope admin, if the service needs keys, and cannot be changed later.</p>
          </div>
        </details>
        <p class="error" role="alert" id="saved-problem">${problem?.message}</p>
        <p><button type="submit" class="primary">Save</button></p>
      </form>
    <//>`;
}

export function RenameDialog({ search, onClose }) {
  const [name, setName] = useState(search.name);
  const [problem, setProblem] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    await editSearch(search.id, { name }).then(() => { onClose(); loadSearches(); }, setProblem);
  };
  return html`
    <${Dialog} id="rename-search" label="rename-search-title" onClose=${onClose}>
      <header class="bar"><h2 id="rename-search-title">Rename the saved search</h2><${IconButton} name="close" label="Close (Esc)" onClick=${onClose} /></header>
      <form class="fields" onSubmit=${save}>
        <label>Name <input id="renamed" required maxlength="200" value=${name} onInput=${(event) => setName(event.target.value)} aria-describedby="rename-problem" /></label>
        <p class="error" role="alert" id="rename-problem">${problem?.message}</p>
        <p><button type="submit" class="primary">Save</button></p>
      </form>
    <//>`;
}
