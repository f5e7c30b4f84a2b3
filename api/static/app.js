// Entry point: render the page and install its listeners.

import { AddToAlbum } from "./albums/add-to-album.js";
import { AlbumsView } from "./albums/albums-view.js";
import { RunningExports } from "./albums/clips.js";
import { Conversation } from "./conversation/drawer.js";
import { EvaluateView } from "./evaluate/evaluate-view.js";
import { InspectView } from "./inspect/inspect-view.js";
import { EditDialog } from "./library/edit-dialog.js";
import { FilterBar } from "./library/filter-bar.js";
import { loadTags, scheduleReload, watchLibrary } from "./library/library-store.js";
import { Library } from "./library/library.js";
import { TrashDialog } from "./library/trash-dialog.js";
import { Player } from "./player/player.js";
import { query } from "./search/query-store.js";
import { SavedView } from "./saved/saved-view.js";
import { watchSearches } from "./saved/saved-store.js";
import { Results } from "./search/results.js";
import { connection, isTemporary, scheduleRetry } from "./service/retry.js";
import { Header } from "./shell/header.js";
import { Help } from "./shell/help.js";
import { installShortcuts } from "./shell/shortcuts.js";
import { installUrlState } from "./shell/url-state.js";
import { useViewName } from "./shell/views.js";
import { SpaceDialog } from "./space/space-dialog.js";
import { showToast } from "./ui/notifications.js";
import { Toasts } from "./ui/toasts.js";
import { DropZone } from "./upload/drop-zone.js";
import { Tray } from "./upload/tray.js";
import { restoreRows } from "./upload/upload-store.js";
import { html, render } from "./vendor/preact.js";

function Page() {
  const isSearch = query.use((state) => state.isOpen);
  const name = useViewName();
  const View = isSearch ? null : { inspect: InspectView, evaluate: EvaluateView, albums: AlbumsView, searches: SavedView }[name];
  return html`
    <${Header} />
    <main>
      ${View
        ? html`<${View} />`
        : html`<${FilterBar} />${isSearch ? html`<${Results} />` : html`<${Library} />`}`}
    </main>
    <${Conversation} />
    <${Tray} />
    <${Player} />
    <${EditDialog} />
    <${AddToAlbum} />
    <${RunningExports} />
    <${TrashDialog} />
    <${SpaceDialog} />
    <${Help} />
    <${DropZone} />
    <${Toasts} />`;
}

render(html`<${Page} />`, document.getElementById("app"));
installShortcuts();
installUrlState();
loadTags();
watchLibrary();
watchSearches();
connection.subscribe(() => { if (connection.get().isOnline) scheduleReload(); });
restoreUploads();

function restoreUploads() {
  restoreRows().catch((problem) => {
    if (isTemporary(problem)) scheduleRetry("uploads", restoreUploads);
    else showToast(problem.message);
  });
}
