// The player stands at the moment that was clicked.

import { $, clock, h, percent } from "./dom.js";

const SOURCE = { picture: "seen", speech: "said", name: "name" };

/** Show `item` from `start` seconds on; `evidence` says why it is here. */
export function open(item, start = 0, evidence = []) {
  const media = stage(item, start);
  $("player-title").textContent = item.name;
  $("player-stage").replaceChildren(media);
  const reasons = evidence.map((piece) => reason(piece, item, media));
  $("player-facts").replaceChildren(h("ul", { className: "reasons" }, ...reasons));
  $("player").showModal();
}

function stage(item, start) {
  const source = `/v1/media/${item.id}/content`;
  if (item.kind === "image") return h("img", { src: source, alt: item.name });
  const media = h(item.kind, { controls: true, preload: "auto", src: start > 0 ? `${source}#t=${start.toFixed(3)}` : source });
  media.addEventListener("error", () => media.replaceWith(h("p", { className: "error" },
    "This browser cannot play the file. ", h("a", { href: source, download: item.name }, "Save it"), " to see it elsewhere.")));
  return media;
}

function reason(piece, item, media) {
  const timed = item.kind !== "image" && piece.kind !== "name";
  const jump = () => { media.currentTime = piece.start; };
  return h("li", {},
    h("span", { className: `badge ${piece.kind}` }, SOURCE[piece.kind]),
    piece.text ? h("q", {}, piece.text) : "the picture",
    h("span", { className: "faint" }, percent(piece.score)),
    timed && h("button", { className: "quiet", onclick: jump }, `from ${clock(piece.start)}`));
}

export function install() {
  const dialog = $("player");
  $("player-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => $("player-stage").replaceChildren()); // stops the sound
}
