// The form that creates an album.

import { html, useState } from "../vendor/preact.js";
import { createAlbum } from "./album-client.js";

/** `onCreate` receives the new album. */
export function NewAlbum({ onCreate }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState(null);
  const create = async (event) => {
    event.preventDefault();
    try {
      const album = await createAlbum(name);
      setName("");
      setProblem(null);
      onCreate(album);
    } catch (reason) {
      setProblem(reason);
    }
  };
  return html`
    <form class="new-album" onSubmit=${create}>
      <label><span class="visually-hidden">Name of the new album</span>
        <input id="new-album" placeholder="New album" value=${name} onInput=${(event) => { setName(event.target.value); setProblem(null); }} aria-describedby="new-album-problem" /></label>
      <button type="submit" disabled=${!name.trim()}>Create</button>
      <p class="error" role="alert" id="new-album-problem">${problem?.message}</p>
    </form>`;
}
