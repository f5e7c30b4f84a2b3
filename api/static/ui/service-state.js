// Whether the service is well, and whether the library is on its way to another space: a dot, and words.

import { count } from "../format.js";
import * as service from "../service.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const LOOK_MS = 5000;

function said({ ready, checks }, move) {
  const failing = checks.filter((check) => check.required && !check.ok);
  if (!ready) return { state: "warn", words: failing.map((check) => check.detail).join(" ") };
  if (move?.state === "running") return { state: "ok", words: `${move.moved.toLocaleString("en")} of ${count(move.items, "item")} moved to ${move.target}` };
  if (move?.state === "stopped") return { state: "warn", words: `The move to ${move.target} has stopped. ${move.error ?? ""}` };
  return { state: "ok", words: "ready" };
}

export function ServiceState() {
  const [{ state, words }, set] = useState({ state: "", words: "connecting" });
  useEffect(() => {
    let timer = null;
    let gone = false;
    async function look() {
      try {
        const [readiness, space] = await Promise.all([service.readiness(), service.space().catch(() => null)]);
        set(said(readiness, space?.move));
      } catch {
        set({ state: "bad", words: service.AWAY });
      }
      if (!gone) timer = setTimeout(look, LOOK_MS);
    }
    look();
    return () => { gone = true; clearTimeout(timer); };
  }, []);
  return html`<p class="service" role="status" data-state=${state} title=${words}><span>${words}</span></p>`;
}
