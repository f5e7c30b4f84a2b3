// Whether the service is well: a dot, and words when something is wrong.

import * as service from "../service.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const LOOK_MS = 5000;

export function ServiceState() {
  const [{ state, words }, set] = useState({ state: "", words: "connecting" });
  useEffect(() => {
    let timer = null;
    let gone = false;
    async function look() {
      try {
        const { ready, checks } = await service.readiness();
        const failing = checks.filter((check) => check.required && !check.ok);
        set(ready ? { state: "ok", words: "ready" } : { state: "warn", words: failing.map((check) => check.detail).join(" ") });
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
