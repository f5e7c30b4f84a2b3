// What the next question of the conversation refines, as chips that can be removed.

import { formatTime } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { conversation } from "./conversation-store.js";

export function StateChips() {
  const { state, rounds } = conversation.use();
  const chips = state ? listChips(state, rounds) : [];
  if (chips.length === 0) return null;
  return html`
    <div class="state-chips" role="group" aria-label="The next question refines">
      ${chips.map(({ label, rest }) => html`
        <span class="chip" key=${label}><span title=${label}>${label}</span>
          <${IconButton} name="close" label=${`Remove “${label}” from the conversation`} onClick=${() => conversation.set({ state: rest })} /></span>`)}
    </div>`;
}

/** [{label, rest}]: the parts of a state; `rest` is the state without the part. */
function listChips(state, rounds) {
  const { text, also = [], without = [], items = [], before = null, after = null, selected = null } = state;
  const drop = (name, value) => ({ ...state, [name]: state[name].filter((other) => other !== value) });
  return [
    ...(text ? [{ label: text, rest: { ...state, text: "" } }] : []),
    ...also.map((term) => ({ label: `and ${term}`, rest: drop("also", term) })),
    ...without.map((term) => ({ label: `without ${term}`, rest: drop("without", term) })),
    ...items.map((item) => ({ label: `only in ${findName(item, rounds)}`, rest: drop("items", item) })),
    ...(after === null ? [] : [{ label: `after ${formatTime(after)}`, rest: { ...state, after: null } }]),
    ...(before === null ? [] : [{ label: `before ${formatTime(before)}`, rest: { ...state, before: null } }]),
    ...(selected === null ? [] : [{ label: `this moment: ${describeSelected(selected, rounds)}`, rest: { ...state, selected: null } }]),
  ];
}

/** The name of an item that an answer cites or lists; else its id. */
function findName(id, rounds) {
  const cited = rounds.flatMap(({ answer }) => answer.citations).find((citation) => citation.item_id === id);
  return cited?.name ?? rounds.flatMap(({ answer }) => answer.result?.hits ?? []).find(({ item }) => item.id === id)?.item.name ?? id;
}

/** `handle` is `ITEM@START-END`. */
function describeSelected(handle, rounds) {
  const [, id, start, end] = handle.match(/^(.*)@([\d.]+)-([\d.]+)$/) ?? [null, handle, 0, 0];
  return Number(end) > Number(start) ? `${findName(id, rounds)} at ${formatTime(Number(start))}` : findName(id, rounds);
}
