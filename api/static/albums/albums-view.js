// The albums of the library, and the open one.

import { RequestError } from "../service/request-error.js";
import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect } from "../vendor/preact.js";
import { albumView, albums, loadAlbums, openAlbum } from "./album-store.js";
import { NewAlbum } from "./new-album.js";
import { OpenAlbum } from "./open-album.js";

export function AlbumsView() {
  const id = albumView.use((state) => state.id);
  return id === null ? html`<${AlbumList} />` : html`<${OpenAlbum} id=${id} />`;
}

function AlbumList() {
  const { all, problem } = albums.use();
  useEffect(() => { loadAlbums(); }, []);
  return html`
    <section class="albums" id="albums" aria-labelledby="albums-title">
      <div class="bar">
        <h2 id="albums-title">Albums</h2>
        <p class="muted">${all?.length > 0 && formatCount(all.length, "album")}</p>
        <${NewAlbum} onCreate=${(album) => openAlbum(album.id)} />
      </div>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${loadAlbums} />`}
      ${all?.length === 0 && html`
        <div class="empty"><p><strong>There are no albums.</strong></p><p>Create one, then select items in the library, or results of a search, and add them to it.</p></div>`}
      <ul class="album-list" id="album-list">${all?.map((album) => html`<${AlbumCard} key=${album.id} album=${album} />`)}</ul>
    </section>`;
}

const AlbumCard = ({ album }) => html`
  <li class="card">
    <button type="button" class="thumbnail" data-hit aria-label=${`Open the album ${album.name}, ${formatCount(album.entries, "entry", "entries")}`} onClick=${() => openAlbum(album.id)}>
      <span class="frame">${album.cover ? html`<img src=${`${album.cover.thumbnail}&size=320`} alt="" loading="lazy" />` : html`<${Icon} name="album" />`}</span>
    </button>
    <div class="text"><h3 title=${album.name}>${album.name}</h3>
      <p class="muted">${formatCount(album.entries, "entry", "entries")}${album.note && ` · ${album.note}`}</p></div>
  </li>`;
