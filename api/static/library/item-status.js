// The status of an item that cannot be searched: its progress, or why processing ended, and a button to retry.

import { Icon } from "../ui/icon.js";
import { describeRow } from "../upload/row-status.js";
import { reprocessItem, uploads } from "../upload/upload-store.js";
import { html, useState } from "../vendor/preact.js";

/** Item status -> its label on the card. */
export const STATUS_LABELS = { processing: "processing", failed: "failed", quarantined: "failed", cancelled: "stopped" };
const STOPPED_STATUSES = new Set(["failed", "quarantined", "cancelled"]);

export const isStopped = (item) => STOPPED_STATUSES.has(item.status);

/** The reason why an item was not processed completely. */
export const describeStop = (item) =>
  item.error ?? (item.status === "cancelled" ? "Processing was stopped by a user." : "The service reports no reason.");

export function ItemStatus({ item }) {
  const row = uploads.use((state) => state.rows.find((other) => other.item?.id === item.id && other.state === "processing"));
  if (item.status === "ready") return null;
  if (isStopped(item)) return html`<${StoppedItem} item=${item} />`;
  const details = row ? describeRow(row) : "";
  return html`
    <section class="item-status">
      <h3>Not searchable yet</h3>
      <p class="muted">The item is being processed${details && `: ${details}`}.</p>
      ${row && html`<progress max="1" value=${row.progress} aria-label=${`Progress of ${item.name}`}></progress>`}
    </section>`;
}

function StoppedItem({ item }) {
  const { isRunning, problem, retry } = useRetry(item);
  return html`
    <section class="item-status">
      <h3>Not searchable</h3>
      <p class=${item.status === "cancelled" ? "muted" : "error"}>${describeStop(item)}</p>
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <p><button type="button" disabled=${isRunning} onClick=${retry}><${Icon} name="retry" />Try again</button></p>
    </section>`;
}

const IDLE = { id: null, isRunning: false, problem: null };

/** {isRunning, problem, retry}: `retry` processes the item again. The state resets when the component shows another item. */
export function useRetry(item) {
  const [last, setLast] = useState(IDLE);
  const { isRunning, problem } = last.id === item.id ? last : IDLE;
  const retry = async () => {
    setLast({ id: item.id, isRunning: true, problem: null });
    const error = await reprocessItem(item).catch((reason) => reason);
    setLast({ id: item.id, isRunning: false, problem: error ?? null });
  };
  return { isRunning, problem, retry };
}
