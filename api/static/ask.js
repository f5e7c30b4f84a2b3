// A question, in words, with a file, or with both; and its answer.

import { $, clock, h, percent, still } from "./dom.js";
import * as player from "./player.js";
import * as service from "./service.js";

let file = null;
let preview = null;
let asking = null; // the search under way; a new one aborts it

export function install(whenFiltersChange) {
  $("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  $("attach").addEventListener("click", () => $("query-file").click());
  $("query-file").addEventListener("change", (event) => { askWith(event.target.files[0]); event.target.value = ""; });
  $("clear").addEventListener("click", clear);
  $("kinds").addEventListener("change", () => {
    whenFiltersChange(filters());
    if (!$("answer").hidden) ask();
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length > 0) askWith(event.clipboardData.files[0]);
  });
}

/** Chosen kinds and tags; none chosen means all. */
export function filters() {
  const chosen = (name) => [...document.querySelectorAll(`#kinds input[name=${name}]:checked`)].map((box) => box.value);
  return { kinds: chosen("kind"), tags: chosen("tag") };
}

export function offerTags(tags) {
  const chosen = new Set(filters().tags);
  $("tags").replaceChildren(...tags.map((tag) => h("label", { className: "chip" },
    h("input", { type: "checkbox", name: "tag", value: tag, checked: chosen.has(tag) }), `#${tag}`)));
}

/** Put a picture, a sound or a clip into the question, and ask. */
export function askWith(chosen) {
  detach();
  file = chosen;
  if (file.type.startsWith("image/")) preview = URL.createObjectURL(file);
  $("query-chip").hidden = false;
  $("query-chip").replaceChildren(h("span", { className: "chip on" },
    preview && h("img", { src: preview, alt: "" }), file.name,
    h("button", { type: "button", className: "quiet", ariaLabel: `Ask without ${file.name}`, onclick: detach }, "×")));
  ask();
}

function detach() {
  if (preview) URL.revokeObjectURL(preview);
  file = preview = null;
  $("query-chip").hidden = true;
  $("query-chip").replaceChildren();
}

function clear() {
  asking?.abort();
  asking = null;
  detach();
  $("words").value = "";
  $("answer").hidden = true;
  $("words").focus();
}

async function ask() {
  const text = $("words").value.trim();
  if (!text && !file) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  $("answer").hidden = false;
  $("answer").ariaBusy = "true";
  try {
    const answer = await service.search({ text: text || null, file, filters: filters() }, mine.signal);
    if (asking === mine) show(answer);
  } catch (problem) {
    if (asking === mine) say(h("p", { className: "error" }, problem.message));
  }
  if (asking === mine) $("answer").ariaBusy = "false";
}

function say(...notes) {
  $("answer-facts").textContent = "";
  $("answer-notes").replaceChildren(...notes);
  $("hits").replaceChildren();
}

function show(answer) {
  const heard = answer.heard && h("p", { className: "note" }, "Heard: ", h("q", {}, answer.heard));
  const notes = answer.notes.map((note) => h("p", { className: "note" }, note));
  const nothing = answer.hits.length === 0 && h("p", { className: "nothing" },
    h("strong", {}, "Nothing matches."), " No moment in the library is likely enough to be the answer.");
  say(...[heard, ...notes, nothing].filter(Boolean));
  const count = answer.hits.length === 1 ? "1 moment" : `${answer.hits.length} moments`;
  $("answer-facts").textContent = `${count} in ${answer.seconds.toFixed(2)} s`;
  $("answer-facts").title = `space ${answer.space}, least score ${percent(answer.floor)}`;
  $("hits").replaceChildren(...answer.hits.map(card));
}

function card(hit) {
  const range = hit.item.kind !== "image" && `${clock(hit.start)} – ${clock(hit.end)}`;
  const label = range ? `Play ${hit.item.name} from ${clock(hit.start)}` : `Open ${hit.item.name}`;
  const play = () => player.open(hit.item, hit.start, hit.evidence);
  return h("li", { className: "card hit" },
    h("button", { className: "still", ariaLabel: label, onclick: play },
      still(hit.thumbnail),
      range && h("span", { className: "time" }, range)),
    h("div", { className: "text" },
      h("h3", { title: hit.item.name }, hit.item.name),
      h("div", { className: "score" },
        h("meter", { min: 0, max: 1, value: hit.score, ariaLabel: "Score" }),
        h("span", { className: "faint" }, percent(hit.score))),
      h("ul", { className: "reasons" }, ...carrying(hit.evidence).map(badge))));
}

/** Evidence, strongest first, without what hardly counts beside the strongest; the player shows all of it. */
const carrying = (evidence) => evidence.filter((piece) => piece.score >= 0.1 * evidence[0].score);

const WORDS = {
  picture: () => ["seen"],
  speech: (piece) => ["said: ", h("q", {}, piece.text ?? "")],
  name: (piece) => ["name: ", h("q", {}, piece.text ?? "")],
};

function badge(piece) {
  return h("li", { className: `badge ${piece.kind}`, title: `${percent(piece.score)} by itself` }, ...WORDS[piece.kind](piece));
}
