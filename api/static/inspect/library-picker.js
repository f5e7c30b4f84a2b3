// A dialog that selects items of the library.

import * as client from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { Dialog } from "../ui/dialog.js";
import { formatCount } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const PAGE_SIZE = 60;
const NO_ITEMS = { items: [], total: 0, problem: null };

const keepForm = (event) => { if (event.key === "Enter") event.preventDefault(); }; // of a form around the dialog

/** `kinds`: kinds of items; `action`: label of the button that calls `onSelect(items)`; `isSingle`: exactly one item is selected. */
export function LibraryPicker({ title, kinds, action, isSingle = false, onSelect, onClose }) {
  const [name, setName] = useState("");
  const [{ items, total, problem }, setList] = useState(NO_ITEMS);
  const [limit, setLimit] = useState(PAGE_SIZE);
  const [selected, setSelected] = useState(new Map());
  useEffect(() => {
    const request = new AbortController();
    const parameters = { kinds, tags: [], name, sort: "newest", offset: 0, limit };
    client.listItems(parameters, request.signal).then(
      (page) => setList({ ...page, problem: null }),
      (reason) => { if (reason.name !== "AbortError") setList({ ...NO_ITEMS, problem: reason }); },
    );
    return () => request.abort();
  }, [name, limit]);
  const toggle = (item) => {
    const changed = new Map(isSingle ? [] : selected);
    if (!changed.delete(item.id)) changed.set(item.id, item);
    setSelected(changed);
  };
  const selectAll = () => setSelected(new Map([...selected, ...items.map((item) => [item.id, item])]));
  return html`
    <${Dialog} id="picker" label="picker-title" onClose=${onClose}>
      <header class="bar"><h2 id="picker-title">${title}</h2><${IconButton} name="close" label="Close (Esc)" onClick=${onClose} /></header>
      <div class="picker-tools">
        <label><span class="visually-hidden">Filter by name</span>
          <input type="search" id="picker-name" placeholder="Filter by name" value=${name} onInput=${(event) => setName(event.target.value)} onKeyDown=${keepForm} /></label>
        ${!isSingle && html`<button type="button" onClick=${selectAll} disabled=${items.length === 0}>Select all shown</button>`}
      </div>
      <div class="picker-list">
        ${problem && html`<${RequestError} problem=${problem} onRetry=${() => setName(name)} />`}
        ${!problem && total === 0 && html`<p class="muted">No item of the library matches.</p>`}
        <ul id="picker-items">
          ${items.map((item) => html`
            <li key=${item.id}><label>
              <input type=${isSingle ? "radio" : "checkbox"} name="picked" checked=${selected.has(item.id)} onChange=${() => toggle(item)} />
              <img src=${client.thumbnailUrl(item, 0, 160)} alt="" loading="lazy" /><span>${item.name}</span></label></li>`)}
        </ul>
        ${total > items.length && html`<p><button type="button" onClick=${() => setLimit(limit + PAGE_SIZE)}>Show more</button></p>`}
      </div>
      <footer class="picker-tools"><button type="button" class="primary" id="picker-confirm" disabled=${selected.size === 0}
        onClick=${() => onSelect([...selected.values()])}>${selected.size === 0 || isSingle ? action : `${action} ${formatCount(selected.size, "item")}`}</button></footer>
    <//>`;
}
