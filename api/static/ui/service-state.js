// Whether the service works: a dot and a few words; behind them each check in full.

import { count, share } from "../format.js";
import { retryNow, setAnswers } from "../retry.js";
import * as service from "../service.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Menu } from "./menu.js";

const LOOK_MS = 5000;
const AWAY_MS = 2000; // while it does not answer
const CHECKS = { // of /readyz: a name, and a few words for when it fails; the whole sentence is in the panel
  catalog: ["Catalog", "no catalog"],
  blobs: ["Disk", "cannot write"],
  index: ["Index", "index is behind"],
  sandbox: ["Decoder", "cannot decode"],
  space: ["Models", "models not loaded"],
  worker: ["Worker", "no worker"],
  broker: ["Queue", "no queue"],
  move: ["Move to another space", "move stopped"],
  service: ["Service", "no answer"],
};
const named = (name) => CHECKS[name] ?? [name, name];

/** {state, words, checks}: the colour of the dot, a few words, and what was found in full. */
function found({ ready, checks }, move) {
  const failing = checks.filter((check) => check.required && !check.ok);
  const moving = move && movingTo(move);
  const all = moving ? [moving.check, ...checks] : checks;
  if (!ready) {
    const words = failing.length === 1 ? named(failing[0].name)[1] : count(failing.length, "problem");
    return { state: "warn", words, checks: all.toSorted((a, b) => a.ok - b.ok) };
  }
  return { state: moving?.state ?? "ok", words: moving?.words ?? "ready", checks: all };
}

function movingTo({ state, moved, items, target, error }) {
  if (state === "running") {
    const detail = `${moved.toLocaleString("en")} of ${count(items, "item")} moved to ${target}.`;
    return { state: "ok", words: `moving, ${share(items > 0 ? moved / items : 0)}`, check: { name: "move", ok: true, detail } };
  }
  if (state !== "stopped") return null;
  return { state: "warn", words: "move stopped", check: { name: "move", ok: false, detail: `The move to ${target} has stopped. ${error ?? ""}` } };
}

const AWAY = { state: "bad", words: "no answer", checks: [{ name: "service", ok: false, detail: `${service.AWAY} It is asked again by itself.` }] };

export function ServiceState() {
  const [{ state, words, checks }, look] = useLook();
  const failing = checks.filter((check) => !check.ok).map((check) => check.detail).join(" ");
  const label = html`
    <span class="hidden">Service:${" "}</span>
    <span class="service" data-state=${state} title=${failing}><span>${words}</span></span>`;
  return html`
    <${Menu} label=${label} id="service">
      <ul class="checks">
        ${checks.map((check) => html`<li key=${check.name} class=${check.ok ? "" : "failing"}><b>${named(check.name)[0]}</b> ${check.detail}</li>`)}
      </ul>
      ${state === "bad" && html`<button type="button" onClick=${() => { look(); retryNow(); }}>Try again</button>`}
    <//>
    <p class="hidden" role="status">${failing}</p>`;
}

/** [what was found last, how to look now]. A page that nobody sees does not look. */
function useLook() {
  const [last, set] = useState({ state: "", words: "connecting", checks: [] });
  const look = useRef(() => {});
  useEffect(() => {
    let timer = null;
    let gone = false;
    async function now() {
      clearTimeout(timer);
      let next = AWAY;
      try {
        const [readiness, space] = await Promise.all([service.readiness(), service.space().catch(() => null)]);
        next = found(readiness, space?.move);
      } catch {
        // No answer, or one of something else than the service.
      }
      if (gone) return;
      set(next);
      setAnswers(next !== AWAY);
      clearTimeout(timer);
      timer = setTimeout(() => { if (!document.hidden) now(); }, next === AWAY ? AWAY_MS : LOOK_MS);
    }
    const seen = () => { if (!document.hidden) now(); };
    document.addEventListener("visibilitychange", seen);
    look.current = now;
    now();
    return () => { gone = true; clearTimeout(timer); document.removeEventListener("visibilitychange", seen); };
  }, []);
  return [last, () => look.current()];
}
