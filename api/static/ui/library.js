// The library as a grid of which only the rows in sight exist.

import { count } from "../format.js";
import { filters, isFiltered } from "../state/filters.js";
import * as state from "../state/library.js";
import { html, useEffect } from "../vendor/preact.js";
import { AddFiles } from "./add.js";
import { Card } from "./card.js";
import { Failure } from "./failure.js";
import { Icon } from "./icon.js";
import { useGrid } from "./grid.js";

const SORTS = { newest: "Newest first", oldest: "Oldest first", name: "By name", longest: "Longest first", largest: "Largest first" };

export function Library() {
  const { total, problem } = state.library.use();
  const chosen = filters.use();
  const { kinds, tags, since, from, to, name, sort } = chosen;
  useEffect(state.show, [kinds, tags, since, from, to, name, sort]);
  return html`
    <section class="library" aria-labelledby="library-title">
      <div class="bar">
        <h2 id="library-title">Library</h2>
        <p class="faint" id="library-facts">${total ? count(total, "item") : ""}</p>
        <label class="find"><span class="hidden">Names with</span>
          <input id="name" type="search" placeholder="Names with …" value=${name} onInput=${(event) => filters.set({ name: event.target.value })} /></label>
        <label><span class="hidden">Order</span>
          <select id="sort" value=${sort} onChange=${(event) => filters.set({ sort: event.target.value })}>
            ${Object.entries(SORTS).map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
          </select></label>
        <${AddFiles} />
      </div>
      ${problem && html`<${Failure} problem=${problem} />`}
      ${total === 0 ? html`<${Empty} filtered=${isFiltered(chosen)} />` : total > 0 && html`<${Grid} total=${total} />`}
    </section>`;
}

function Grid({ total }) {
  const { ref, height, columns, cells, focus } = useGrid(total);
  const version = state.library.use((one) => one.version);
  const [first, last] = [cells[0]?.index, cells.at(-1)?.index];
  useEffect(() => {
    if (first === undefined) return;
    const calm = setTimeout(() => state.want(first, last), 60); // who flies over the list does not ask for all of it
    return () => clearTimeout(calm);
  }, [first, last, total, version]);
  return html`
    <ul class="items" id="items" ref=${ref} style=${{ height: `${height}px` }} onKeyDown=${focus} data-columns=${columns}>
      ${cells.map(({ index, ...place }) => html`<${Card} key=${index} index=${index} total=${total} item=${state.at(index)} place=${place} />`)}
    </ul>`;
}

const Empty = ({ filtered }) => html`
  <div class="empty" id="empty">
    ${filtered
      ? html`<p><strong>Nothing of this kind in the library.</strong></p><p>Reset the filters above to see everything.</p>`
      : html`
        <p class="glyphs"><${Icon} name="image" /><${Icon} name="video" /><${Icon} name="audio" /></p>
        <p><strong>Nothing here yet.</strong></p>
        <p>Drop pictures, videos, sounds or whole folders anywhere on this page. They stay on this machine.</p>`}
  </div>`;
