// The player stands at the moment that was clicked.

import { $, clock, h, percent } from "./dom.js";

const SOURCE = { picture: "seen", speech: "said", name: "name" };

/** Show `item` from `start` seconds on; `evidence` says why it is here. */
export function open(item, start = 0, evidence = []) {
  const media = stage(item, start);
  $("player-title").textContent = item.name;
  $("player-stage").replaceChildren(media);
  $("player-facts").replaceChildren(h("ul", { className: "reasons" }, ...evidence.map((piece) => reason(piece, item, media))));
  $("player").showModal();
}

function stage(item, start) {
  const source = `/v1/media/${item.id}/content`;
  if (item.kind === "image") return h("img", { src: source, alt: item.name });
  const media = h(item.kind, { controls: true, preload: "auto", src: start > 0 ? `${source}#t=${start.toFixed(3)}` : source });
  media.addEventListener("error", () =>
    media.replaceWith(h("p", { className: "error" }, "This browser cannot play the file. ", h("a", { href: source, download: item.name }, "Save it"), " to see it elsewhere.")),
  );
  return media;
}

function reason(piece, item, media) {
  const words = piece.text ? h("q", {}, piece.text) : "the picture";
  const jump = item.kind !== "image" && piece.kind !== "name" && h("button", { className: "quiet", onclick: () => { media.currentTime = piece.start; } }, `from ${clock(piece.start)}`);
  return h("li", {}, h("span", { className: `badge ${piece.kind}` }, SOURCE[piece.kind]), words, h("span", { className: "faint" }, percent(piece.score)), jump);
}

export function install() {
  const dialog = $("player");
  $("player-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => $("player-stage").replaceChildren()); // stops the sound
}
