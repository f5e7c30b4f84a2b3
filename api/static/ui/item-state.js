// Of an item that cannot be searched: that it is being processed, or why that ended, and a way to try again.

import { inWords } from "../state/upload-row.js";
import * as uploads from "../state/uploads.js";
import { html, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/** What the card of an item says of its state. */
export const STATUS = { processing: "processing", failed: "failed", quarantined: "failed", cancelled: "stopped" };
const STOPPED = new Set(["failed", "quarantined", "cancelled"]);
const STOPPED_BY_HAND = "Processing was stopped by hand.";

export const isStopped = (item) => STOPPED.has(item.status);

/** Why an item was not processed to the end. */
export const whyStopped = (item) => item.error ?? (item.status === "cancelled" ? STOPPED_BY_HAND : "The service gives no reason.");

export function ItemState({ item }) {
  const row = uploads.uploads.use((state) => state.rows.find((one) => one.item?.id === item.id && one.state === "working"));
  if (item.status === "ready") return null;
  if (isStopped(item)) return html`<${Stopped} item=${item} />`;
  const facts = row ? inWords(row) : "";
  return html`
    <section class="item-state">
      <h3>Not searchable yet</h3>
      <p class="faint">It is being processed${facts && `: ${facts}`}.</p>
      ${row && html`<progress max="1" value=${row.progress} aria-label=${`Progress of ${item.name}`}></progress>`}
    </section>`;
}

function Stopped({ item }) {
  const { busy, problem, retry } = useRetry(item);
  return html`
    <section class="item-state">
      <h3>Not searchable</h3>
      <p class=${item.status === "cancelled" ? "faint" : "error"}>${whyStopped(item)}</p>
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <p><button type="button" disabled=${busy} onClick=${retry}><${Icon} name="again" />Try again</button></p>
    </section>`;
}

const CALM = { id: null, busy: false, problem: null };

/** {busy, problem, retry}: has the service process an item again. A component that shows another item later starts anew. */
export function useRetry(item) {
  const [last, set] = useState(CALM);
  const { busy, problem } = last.id === item.id ? last : CALM;
  const retry = async () => {
    set({ id: item.id, busy: true, problem: null });
    const failed = await uploads.reprocess(item).catch((reason) => reason);
    set({ id: item.id, busy: false, problem: failed ?? null });
  };
  return { busy, problem, retry };
}
