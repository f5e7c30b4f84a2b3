// What is in the library, and what is on its way in.

import { $, bytes, clock, h, percent, still } from "./dom.js";
import * as player from "./player.js";
import * as service from "./service.js";

const KIND = { image: "picture", video: "video", audio: "sound" };
const WELCOME = "Nothing here yet. Drop pictures, videos or sounds anywhere on this page.";

let cursor = null;
let shown = 0;
let filters = { kinds: [], tags: [] };
const knownTags = new Set();
let ontags = () => {};

export function install(whenTagsChange) {
  ontags = whenTagsChange;
  $("add").addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", (event) => { add(event.target.files); event.target.value = ""; });
  $("more").addEventListener("click", more);
}

/** Show the library anew, from its newest item on. */
export async function show(wanted = filters) {
  filters = wanted;
  const page = await service.items(filters);
  shown = 0;
  $("items").replaceChildren();
  append(page);
}

async function more() {
  append(await service.items({ ...filters, cursor }));
}

function append(page) {
  $("items").append(...page.items.map(card));
  cursor = page.next;
  shown += page.items.length;
  page.items.forEach((item) => item.tags.forEach((tag) => knownTags.add(tag)));
  ontags([...knownTags].sort());
  facts();
}

function facts() {
  const filtered = filters.kinds.length + filters.tags.length > 0;
  $("more").hidden = cursor === null;
  $("empty").hidden = shown > 0;
  $("empty").textContent = filtered ? "Nothing of this kind in the library." : WELCOME;
  const count = shown === 1 ? "1 item" : `${shown} items`;
  $("library-facts").textContent = shown === 0 ? "" : cursor === null ? count : `the newest ${count}`;
}

function card(item) {
  const facts = [KIND[item.kind], bytes(item.size), ...item.tags.map((tag) => `#${tag}`)];
  const tone = item.status === "processing" ? "faint" : "error";
  const element = h("li", { className: "card", id: `item-${item.id}` },
    h("button", { className: "still", ariaLabel: `Open ${item.name}`, onclick: () => player.open(item) },
      still(`/v1/media/${item.id}/thumbnail?size=320`),
      item.duration > 0 && h("span", { className: "time" }, clock(item.duration))),
    h("div", { className: "text" },
      h("div", { className: "bar" },
        h("h3", { title: item.name }, item.name),
        h("button", { className: "quiet", ariaLabel: `Delete ${item.name}`, onclick: () => discard(item, element) },
          $("trash").content.cloneNode(true))),
      h("p", { className: "faint" }, facts.join(" · ")),
      item.status !== "ready" && h("p", { className: tone }, item.error ?? item.status)));
  return element;
}

async function discard(item, element) {
  if (!confirm(`Delete ${item.name} from the library?`)) return;
  try {
    await service.remove(item.id);
    element.remove();
    shown -= 1;
    facts();
  } catch (problem) {
    element.append(h("p", { className: "error" }, problem.message));
  }
}

/** Upload files one after the other, and follow the work on each to its end. */
export async function add(files) {
  const tags = $("new-tags").value.split(",").map((tag) => tag.trim()).filter(Boolean);
  const rows = [...files].map((file) => ({ file, row: uploadRow(file.name) }));
  for (const { file, row } of rows) {
    try {
      const { item, job, created } = await service.upload(file, tags, (fraction) => row.say("sending", fraction));
      row.say(created ? "queued" : "already in the library", null);
      watch(job, row, item);
    } catch (problem) {
      row.fail(problem.message);
    }
  }
}

/** Follow work that began before this page was opened. */
export async function resume() {
  const { data } = await service.jobs(50);
  for (const job of data.filter((one) => !service.isFinal(one))) {
    const item = await service.item(job.item_id);
    watch(job, uploadRow(item.name), item);
  }
}

async function watch(job, row, item) {
  row.offerStop(() => service.cancel(job.id));
  const end = await service.follow(job.id, (event) => row.say(event.stage, event.progress));
  if (end === null || end.state === "done") row.done();
  else row.fail(end.error ?? `${item.name}: ${end.state}`);
  await show();
}

function uploadRow(name) {
  const bar = h("progress", { max: 1, ariaLabel: `Progress of ${name}` });
  const state = h("span", { className: "faint" }, "waiting");
  const row = h("li", {}, h("strong", {}, name), bar, state);
  const dismiss = () => h("button", { className: "quiet", onclick: () => row.remove() }, "Dismiss");
  let stop = null;
  $("uploads").append(row);
  return {
    say(stage, fraction) {
      if (fraction === null) bar.removeAttribute("value");
      else bar.value = fraction;
      state.textContent = fraction === null ? stage : `${stage}, ${percent(fraction)}`;
    },
    offerStop(cancel) {
      stop = h("button", { className: "quiet", ariaLabel: `Stop the work on ${name}`, onclick: () => {
        stop.disabled = true;
        cancel().catch((problem) => { state.textContent = problem.message; });
      } }, "Stop");
      row.append(stop);
    },
    done() {
      row.remove();
    },
    fail(message) {
      bar.remove();
      stop?.remove();
      state.className = "error";
      state.textContent = message;
      row.append(dismiss());
    },
  };
}
