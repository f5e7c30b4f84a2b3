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

const listCitations = (rounds) => rounds.flatMap(({ answer }) => answer.citations);

const findName = (item, rounds) => listCitations(rounds).find(({ item_id: id }) => id === item)?.name ?? item;

function describeSelected(segment, rounds) {
  const citation = listCitations(rounds).find(({ segment_id: id }) => id === segment);
  return citation ? `${citation.name} at ${formatTime(citation.start)}` : "of the last answer";
}
