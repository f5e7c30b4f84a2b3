// The trash: deleted items, restored or deleted for good.

import * as client from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { Dialog } from "../ui/dialog.js";
import { formatBytes, formatCount, formatDate } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { scheduleReload } from "./library-store.js";

const PAGE_SIZE = 60;
export const trash = createStore({ isOpen: false });
export const openTrash = () => trash.set({ isOpen: true });
const closeTrash = () => trash.set({ isOpen: false });

export const TrashDialog = () => (trash.use((state) => state.isOpen) ? html`<${OpenTrash} />` : null);

function OpenTrash() {
  const [page, setPage] = useState(null);
  const [problem, setProblem] = useState(null);
  const [limit, setLimit] = useState(PAGE_SIZE);
  const load = () => client.listTrash(limit).then((loaded) => { setPage(loaded); setProblem(null); }, setProblem);
  useEffect(() => { load(); }, [limit]);
  const run = async (request) => {
    await request().catch((reason) => showToast(reason.message));
    scheduleReload();
    await load();
  };
  const kept = page?.days ? `Items are kept for ${page.days} days.` : "Items are kept until the trash is emptied.";
  return html`
    <${Dialog} id="trash" label="trash-title" onClose=${closeTrash}>
      <header class="bar"><h2 id="trash-title">Trash</h2><${IconButton} name="close" label="Close (Esc)" onClick=${closeTrash} /></header>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${load} />`}
      ${page && html`
        <div class="picker-tools">
          <p class="muted" id="trash-facts">${formatCount(page.total, "item")}, ${formatBytes(page.size)}. ${kept}</p>
          ${page.total > 0 && html`<${ConfirmButton} label="Empty the trash" id="empty-trash" question=${`Delete ${formatCount(page.total, "item")} for good?`}
            action="Delete for good" onConfirm=${() => run(client.emptyTrash)} />`}
        </div>
        ${page.total === 0 && html`<p class="muted">The trash is empty.</p>`}
        <ul class="trash-items" id="trash-items">
          ${page.items.map(({ item, trashed_at: trashedAt, expires_at: expiresAt }) => html`
            <li key=${item.id}>
              <img src=${client.thumbnailUrl(item, 0, 160)} alt="" loading="lazy" />
              <span class="name" title=${item.name}>${item.name}<small class="muted">deleted ${formatDate(trashedAt)}${expiresAt && `, kept until ${formatDate(expiresAt)}`}</small></span>
              <button type="button" aria-label=${`Restore ${item.name}`} onClick=${() => run(() => client.restoreItem(item.id))}>Restore</button>
              <${ConfirmButton} label="Delete for good" question="Delete for good?" action="Delete" aria-label=${`Delete for good: ${item.name}`}
                onConfirm=${() => run(() => client.deleteForGood(item.id))} />
            </li>`)}
        </ul>
        ${page.total > page.items.length && html`<p><button type="button" onClick=${() => setLimit(limit + PAGE_SIZE)}>Show more</button></p>`}`}
    <//>`;
}
