// The dialog that changes name and note of an album.

import { Dialog } from "../ui/dialog.js";
import { IconButton } from "../ui/icon.js";
import { html, useState } from "../vendor/preact.js";
import { editAlbum } from "./album-client.js";

export function EditAlbum({ album, onClose }) {
  const [name, setName] = useState(album.name);
  const [note, setNote] = useState(album.note);
  const [problem, setProblem] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    await editAlbum(album.id, { name, note, version: album.version }).then(onClose, setProblem);
  };
  return html`
    <${Dialog} id="edit-album" label="edit-album-title" onClose=${onClose}>
      <header class="bar"><h2 id="edit-album-title">Edit album</h2><${IconButton} name="close" label="Close (Esc)" onClick=${onClose} /></header>
      <form class="fields" onSubmit=${save}>
        <label>Name <input id="album-name" value=${name} onInput=${(event) => setName(event.target.value)} aria-describedby="album-problem" /></label>
        <label>Note <textarea id="album-note" rows="4" value=${note} onInput=${(event) => setNote(event.target.value)}></textarea></label>
        <p class="error" role="alert" id="album-problem">${problem?.message}</p>
        <p><button type="submit" class="primary">Save</button></p>
      </form>
    <//>`;
}
