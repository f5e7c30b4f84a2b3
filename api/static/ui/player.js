// The player stands at a moment; beside it, why it is a hit and the words said around it.

import { KIND, clock, range } from "../format.js";
import { content } from "../service.js";
import { askWith, grouped, moreLike, question } from "../state/question.js";
import { library } from "../state/library.js";
import { close, place, play, playHit, player, step } from "../state/player.js";
import { filters } from "../state/filters.js";
import { SCENE, sceneOf } from "../scene.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { Icon, IconButton } from "./icon.js";
import { ItemState } from "./item-state.js";
import { Marker } from "./marker.js";
import { Score, Why } from "./moment.js";
import { playerKeys } from "./player-keys.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";
import { Words } from "./words.js";

export const Player = () => player.use((state) => state.item) && html`<${Open} />`;

function Open() {
  const { item, time, hit, seek } = player.use();
  const media = useRef();
  const stage = useRef();
  const [now, setNow] = useState(time);
  const [marking, setMarking] = useState(false);
  const timed = item.kind !== "image";
  const hits = grouped(question.use((state) => state.answer)?.hits ?? []).find((group) => group.item.id === item.id)?.hits ?? [];
  useEffect(() => { setNow(time); setMarking(false); }, [seek]);

  const present = () => (timed ? (media.current?.currentTime ?? now) : 0);
  const mark = () => { media.current?.pause?.(); setMarking(!marking); };
  const like = () => { const at = present(); close(); moreLike(item, at); };
  const jump = (to) => { if (media.current?.duration) { media.current.currentTime = to; setNow(to); } else play(item, to, hit); };
  const only = () => { close(); filters.set({ item }); document.getElementById("words").focus(); };
  const done = (file) => { close(); askWith(file); };
  const keys = playerKeys({ media, jump, mark, like, marking });
  return html`
    <${Dialog} id="player" label="player-title" onClose=${close} onKeyDown=${keys} onCancel=${() => { setMarking(false); return !marking; }}>
      <header class="bar">
        <h2 id="player-title" title=${item.name}>${item.name}</h2>
        <p class="faint">${KIND[item.kind]}${timed && ` · ${clock(item.duration)}`}${item.width > 0 && ` · ${item.width} × ${item.height}`}</p>
        <${Steps} />
        <${IconButton} id="player-close" name="close" label="Close the player (Esc)" onClick=${close} />
      </header>
      <div class="watch">
        <div class="left">
          <div class="stage" ref=${stage}>
            <${Stage} item=${item} time=${time} seek=${seek} media=${media} still=${marking} onTime=${setNow} />
            ${marking && html`<${Marker} stage=${stage} name=${item.name} onDone=${done} onCancel=${() => setMarking(false)} />`}
          </div>
          ${timed && item.duration > 0 && html`<${Timeline} item=${item} hits=${hits} now=${now} chosen=${hit} onHit=${playHit} onSeek=${jump} />`}
          <div class="tools">
            <button type="button" onClick=${like}><${Icon} name="like" />More like this${timed && " moment"}</button>
            ${item.kind !== "audio" && html`<button type="button" id="mark" aria-pressed=${String(marking)} onClick=${mark}><${Icon} name="mark" />Mark a part</button>`}
            ${timed && html`<button type="button" onClick=${only}><${Icon} name="search" />Ask in this ${KIND[item.kind]}</button>`}
            <a class="button" href=${content(item)} download=${item.name}><${Icon} name="save" />Save</a>
          </div>
        </div>
        <aside class="beside" aria-label="Why it is here, and what is said">
          <${ItemState} item=${item} />
          ${hit && html`<${Reason} hit=${hit} onJump=${jump} />`}
          ${timed ? html`<${Words} item=${item} now=${now} onJump=${jump} />` : html`<${Facts} item=${item} />`}
        </aside>
      </div>
    <//>`;
}

function Reason({ hit, onJump }) {
  const { item, start, end, score, evidence } = hit;
  const scene = sceneOf(hit);
  return html`
    <section class="reason">
      <h3>Why this moment${item.kind !== "image" && html` <span class="faint">${range(start, end, item.duration)}</span>`}</h3>
      <${Score} score=${score} />
      <${Why} evidence=${evidence} exact />
      ${scene && html`
        <p class="faint" title=${SCENE}>${scene.start <= start && end <= scene.end ? "Part of a longer scene:" : "Its best part is in the scene"}${" "}
          <button type="button" class="quiet" aria-label=${`Go to the start of the scene, ${clock(scene.start, item.duration)}`}
            onClick=${() => onJump(scene.start)}>${range(scene.start, scene.end, item.duration)}</button></p>`}
    </section>`;
}

/** The moment before and the next one, or the item before and the next one. */
function Steps() {
  player.use();
  question.use((state) => state.unfolded);
  library.use((state) => state.version);
  const here = place();
  if (here === null) return null;
  const { at, of, what } = here;
  return html`
    <nav class="steps" aria-label=${what === "moment" ? "Moments of the answer" : "Items of the library"}>
      <${IconButton} name="before" label=${`Previous ${what} (p)`} disabled=${at === 0} onClick=${() => step(-1)} />
      <span class="faint">${(at + 1).toLocaleString("en")} of ${of.toLocaleString("en")}</span>
      <${IconButton} name="next" label=${`Next ${what} (n)`} disabled=${at === of - 1} onClick=${() => step(1)} />
    </nav>`;
}

const Facts = ({ item }) => html`
  <section><h3>The file</h3>
    <dl><dt>Type</dt><dd>${item.content_type}</dd><dt>Size</dt><dd>${item.width} × ${item.height} px</dd>
    ${item.tags.length > 0 && html`<dt>Tags</dt><dd>${item.tags.map((tag) => `#${tag}`).join(" ")}</dd>`}</dl>
  </section>`;
