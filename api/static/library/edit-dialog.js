// The dialog that changes name, tags and favourite of an item.

import * as client from "../service/client.js";
import { Dialog } from "../ui/dialog.js";
import { IconButton } from "../ui/icon.js";
import { createStore } from "../ui/store.js";
import { html, useState } from "../vendor/preact.js";
import { scheduleReload } from "./library-store.js";

const editing = createStore({ item: null });
export const editItem = (item) => editing.set({ item });
const close = () => editing.set({ item: null });

export function EditDialog() {
  const { item } = editing.use();
  return item && html`<${OpenDialog} key=${item.id} item=${item} />`;
}

function OpenDialog({ item }) {
  const [name, setName] = useState(item.name);
  const [tags, setTags] = useState(item.tags.join(", "));
  const [favourite, setFavourite] = useState(item.favourite);
  const [problem, setProblem] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    const patch = { name, tags: tags.split(",").map((tag) => tag.trim()).filter(Boolean), favourite, version: item.version };
    try {
      await client.editItem(item.id, patch);
      close();
      scheduleReload();
    } catch (reason) {
      setProblem(reason);
    }
  };
  return html`
    <${Dialog} id="edit-item" label="edit-title" onClose=${close}>
      <header class="bar"><h2 id="edit-title">Edit item</h2><${IconButton} name="close" label="Close (Esc)" onClick=${close} /></header>
      <form class="fields" onSubmit=${save}>
        <label>Name <input id="edit-name" value=${name} onInput=${(event) => setName(event.target.value)} aria-describedby="edit-problem" /></label>
        <label>Tags, separated by commas <input id="edit-tags" value=${tags} onInput=${(event) => setTags(event.target.value)} /></label>
        <label class="check"><input type="checkbox" id="edit-favourite" checked=${favourite} onChange=${(event) => setFavourite(event.target.checked)} />Favourite</label>
        <p class="error" role="alert" id="edit-problem">${problem?.message}</p>
        <p><button type="submit" class="primary">Save</button></p>
      </form>
    <//>`;
}
