// Wires the page together: filters, drops, the state of the service.

import * as ask from "./ask.js";
import { $ } from "./dom.js";
import * as library from "./library.js";
import * as player from "./player.js";
import * as service from "./service.js";

const LOOK_SECONDS = 5;

async function lookAtService() {
  const line = $("service");
  try {
    const { ready, checks } = await service.readiness();
    const failing = checks.filter((check) => check.required && !check.ok);
    line.textContent = ready ? "ready" : failing.map((check) => check.detail).join(" ");
    line.dataset.state = ready ? "ok" : "warn";
  } catch {
    line.textContent = "The service does not answer.";
    line.dataset.state = "bad";
  }
  setTimeout(lookAtService, 1000 * LOOK_SECONDS);
}

/** Files dragged over the page choose between two places; dropped on the question they become part of it. */
function installDrop() {
  const veil = $("drop");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFiles(event)) veil.hidden = false; });
  addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  addEventListener("dragleave", (event) => { if (event.relatedTarget === null) veil.hidden = true; });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    const { files } = event.dataTransfer;
    if (event.target.closest('[data-drop="ask"], #ask-field')) ask.askWith(files[0]);
    else library.add(files);
  });
}

player.install();
library.install(ask.offerTags);
ask.install((filters) => library.show(filters));
installDrop();
lookAtService();
try {
  await library.show();
  await library.resume();
} catch (problem) {
  $("empty").hidden = false;
  $("empty").textContent = problem.message;
}
