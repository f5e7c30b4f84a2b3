// Teach an inspector by the marks of its results: a new version, which is used only if held-out groups improve.

import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { followWork, inspectors } from "./inspect-store.js";
import * as client from "./inspection-client.js";
import { results } from "./results-store.js";

/** Nothing as long as no result is marked. */
export function Teach({ inspector: { name, mode, versions } }) {
  const numMarked = results.use((state) => state.all.filter(({ marks }) => marks.length > 0).length);
  const work = inspectors.use((state) => state.work[name]) ?? null;
  const last = versions.at(-1);
  const statement = last?.comparison?.statement;
  if (mode !== "patches" || (numMarked === 0 && !statement)) return null;
  return html`
    <section class="panel-box" aria-labelledby="teach-title">
      <h4 id="teach-title">Marks</h4>
      <p class="muted">Accepted results become good parts, outlined defects train what is looked for. The new version is used only if images that
        it was not taught with improve.</p>
      ${numMarked > 0 && html`
        <p class="buttons"><button type="button" id="teach" disabled=${work !== null && work.error === null}
          onClick=${() => followWork(name, "Teaching", client.teachInspector(name))}>Teach ${name} by ${formatCount(numMarked, "marked result")}</button></p>`}
      ${statement && html`<p class="note" id="comparison">Version ${last.version}${last.is_current ? "" : ", not used"}: ${statement}</p>`}
    </section>`;
}
