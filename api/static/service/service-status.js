// The status of the service: a coloured dot and a short label; a click shows all readiness checks.

import { openSpaces } from "../space/space-store.js";
import { formatBytes, formatCount, formatProgress } from "../ui/format.js";
import { Menu } from "../ui/menu.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import * as client from "./client.js";
import { retryNow, setOnline } from "./retry.js";

const POLL_MS = 5000;
const OFFLINE_POLL_MS = 2000; // while the service does not respond
const CHECKS = { // check of /readyz -> its title, and its label when it fails
  catalog: ["Catalog", "no catalog"],
  blobs: ["Disk", "cannot write"],
  index: ["Index", "index outdated"],
  sandbox: ["Decoder", "cannot decode"],
  space: ["Models", "models not loaded"],
  worker: ["Worker", "no worker"],
  broker: ["Queue", "no queue"],
  "worker sandbox": ["Worker decoder", "worker cannot decode"],
  garbage: ["Garbage collection", "files refused"],
  move: ["Reindex", "reindex stopped"],
  service: ["Service", "no response"],
};
const describeCheck = (name) => CHECKS[name] ?? [name, name];

/** {state, label, checks}: the colour of the dot, its label, and all checks. `reindex` is `move` of /v1/space, or undefined. */
function summarize({ ready, checks }, reindex) {
  const failing = checks.filter((check) => check.required && !check.ok);
  const progress = reindex && summarizeReindex(reindex);
  const all = progress ? [progress.check, ...checks] : checks;
  if (!ready) {
    const label = failing.length === 1 ? describeCheck(failing[0].name)[1] : formatCount(failing.length, "problem");
    return { state: "warn", label, checks: all.toSorted((a, b) => a.ok - b.ok) };
  }
  return { state: progress?.state ?? "ok", label: progress?.label ?? "ready", checks: all };
}

/** The status of a reindex that runs or has stopped; null for one that is complete. */
function summarizeReindex({ state, moved, items, target, error, downloaded_bytes: downloaded, download_bytes: total }) {
  if (state === "downloading") {
    const detail = `${formatBytes(downloaded)} of ${formatBytes(total)} of ${target} downloaded.`;
    return { state: "ok", label: `downloading, ${formatProgress(downloaded / total)}`, check: { name: "move", ok: true, detail } };
  }
  if (state === "running") {
    const detail = `${moved.toLocaleString("en")} of ${formatCount(items, "item")} reindexed to ${target}.`;
    return { state: "ok", label: `reindexing, ${formatProgress(items > 0 ? moved / items : 0)}`, check: { name: "move", ok: true, detail } };
  }
  if (state !== "stopped") return null;
  return { state: "warn", label: "reindex stopped", check: { name: "move", ok: false, detail: `The reindex to ${target} has stopped. ${error ?? ""}` } };
}

const OFFLINE = {
  state: "bad", label: "no response", checks: [{ name: "service", ok: false, detail: `${client.NO_RESPONSE} The page retries automatically.` }],
};

export function ServiceStatus() {
  const [{ state, label, checks }, poll] = usePolledStatus();
  const failing = checks.filter((check) => !check.ok).map((check) => check.detail).join(" ");
  const summary = html`
    <span class="visually-hidden">Service:${" "}</span>
    <span class="service" data-state=${state} title=${failing}><span>${label}</span></span>`;
  return html`
    <${Menu} label=${summary} id="service">
      <ul class="checks">
        ${checks.map((check) => html`<li key=${check.name} class=${check.ok ? "" : "failing"}><b>${describeCheck(check.name)[0]}</b> ${check.detail}</li>`)}
      </ul>
      ${state !== "bad" && state !== "" && html`<button type="button" id="open-spaces" onClick=${openSpaces}>Larger space…</button>`}
      ${state === "bad" && html`<button type="button" onClick=${() => { poll(); retryNow(); }}>Try again</button>`}
    <//>
    <p class="visually-hidden" role="status">${failing}</p>`;
}

/** [last status, function that polls now]. A page in a hidden tab does not poll. */
function usePolledStatus() {
  const [status, setStatus] = useState({ state: "", label: "connecting", checks: [] });
  const poll = useRef(() => {});
  useEffect(() => {
    let timer = null;
    let isUnmounted = false;
    async function pollNow() {
      clearTimeout(timer);
      let next = OFFLINE;
      try {
        const [readiness, space] = await Promise.all([client.getReadiness(), client.getSpace().catch(() => null)]);
        next = summarize(readiness, space?.move);
      } catch {
        // No response, or a response from something other than the service.
      }
      if (isUnmounted) return;
      setStatus(next);
      setOnline(next !== OFFLINE);
      clearTimeout(timer);
      timer = setTimeout(pollIfVisible, next === OFFLINE ? OFFLINE_POLL_MS : POLL_MS);
    }
    const pollIfVisible = () => { if (!document.hidden) pollNow(); };
    document.addEventListener("visibilitychange", pollIfVisible);
    poll.current = pollNow;
    pollNow();
    return () => { isUnmounted = true; clearTimeout(timer); document.removeEventListener("visibilitychange", pollIfVisible); };
  }, []);
  return [status, () => poll.current()];
}
