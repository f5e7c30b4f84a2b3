// The player dialog: the media element, the timeline, the match details and the transcript.

import { addItems, addMoment } from "../albums/add-to-album.js";
import { filters } from "../library/filter-store.js";
import { ItemStatus } from "../library/item-status.js";
import { library } from "../library/library-store.js";
import { EvidenceList, Score } from "../search/hit.js";
import { groupByItem } from "../search/hits.js";
import { query, searchSimilar, searchWithFile } from "../search/query-store.js";
import { RegionSelector } from "../search/region-selector.js";
import { SCENE_DESCRIPTION, getScene } from "../search/scene.js";
import { Timeline } from "../search/timeline.js";
import { contentUrl } from "../service/client.js";
import { Dialog } from "../ui/dialog.js";
import { KIND_LABELS, formatRange, formatTime } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { Tabs } from "../ui/tabs.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { CaptureDetails, SpeechDetails } from "./capture-details.js";
import { Chapters } from "./chapters.js";
import { Lesions } from "./lesions.js";
import { MediaElement } from "./media-element.js";
import { createShortcutListener } from "./player-shortcuts.js";
import { closePlayer, getPosition, goTo, openHit, openItem, player } from "./player-store.js";
import { Transcript } from "./transcript.js";

export const Player = () => player.use((state) => state.item) && html`<${PlayerDialog} />`;

function PlayerDialog() {
  const { item, time, hit, numSeeks } = player.use();
  const media = useRef();
  const viewport = useRef();
  const [currentTime, setCurrentTime] = useState(time);
  const [isSelecting, setSelecting] = useState(false);
  const isTimed = item.kind !== "image";
  const hits = groupByItem(query.use((state) => state.response)?.hits ?? []).find((group) => group.item.id === item.id)?.hits ?? [];
  useEffect(() => { setCurrentTime(time); setSelecting(false); }, [numSeeks]);

  const getTime = () => (isTimed ? (media.current?.currentTime ?? currentTime) : 0);
  const toggleRegion = () => { media.current?.pause?.(); setSelecting(!isSelecting); };
  const searchMoment = () => { const moment = getTime(); closePlayer(); searchSimilar(item, moment); };
  const seek = (to) => { if (media.current?.duration) { media.current.currentTime = to; setCurrentTime(to); } else openItem(item, to, hit); };
  const searchInItem = () => { closePlayer(); filters.set({ item }); document.getElementById("query-text").focus(); };
  const searchRegion = (file) => { closePlayer(); searchWithFile(file); };
  const onKeyDown = createShortcutListener({ media, seek, toggleRegion, searchMoment, isSelecting });
  const onCancel = () => { setSelecting(false); return !isSelecting; };
  return html`
    <${Dialog} id="player" label="player-title" onClose=${closePlayer} onKeyDown=${onKeyDown} onCancel=${onCancel}>
      <header class="bar">
        <h2 id="player-title" title=${item.name}>${item.name}</h2>
        <p class="muted">${KIND_LABELS[item.kind]}${isTimed && ` · ${formatTime(item.duration)}`}${item.width > 0 && ` · ${item.width} × ${item.height}`}</p>
        <${Pager} />
        <${IconButton} id="player-close" name="close" label="Close the player (Esc)" onClick=${closePlayer} />
      </header>
      <div class="player-layout">
        <div class="player-main">
          <div class="viewport" ref=${viewport}>
            <${MediaElement} item=${item} time=${time} numSeeks=${numSeeks} media=${media} hasControls=${!isSelecting} onTime=${setCurrentTime} />
            ${isSelecting && html`<${RegionSelector} viewport=${viewport} name=${item.name} onSelect=${searchRegion} onCancel=${() => setSelecting(false)} />`}
          </div>
          ${isTimed && item.duration > 0 && html`<${Timeline} item=${item} hits=${hits} currentTime=${currentTime} selected=${hit} onHit=${openHit} onSeek=${seek} />`}
          ${item.kind !== "audio" && html`<${Lesions} item=${item} currentTime=${currentTime} onSeek=${seek} />`}
          <div class="toolbar">
            <button type="button" onClick=${searchMoment}><${Icon} name="similar" />More like this${isTimed && " moment"}</button>
            ${item.kind !== "audio" && html`
              <button type="button" id="select-region" aria-pressed=${String(isSelecting)} onClick=${toggleRegion}>
                <${Icon} name="region" />Select a region</button>`}
            ${isTimed && html`<button type="button" onClick=${searchInItem}><${Icon} name="search" />Search in this item</button>`}
            <button type="button" id="player-album" onClick=${() => (hit ? addMoment(hit) : addItems([item]))}><${Icon} name="album" />Add to album</button>
            <a class="button" href=${contentUrl(item)} download=${item.name}><${Icon} name="save" />Save</a>
          </div>
        </div>
        <aside class="sidebar" aria-label="Match details and transcript">
          <${ItemStatus} item=${item} />
          ${(item.notes ?? []).map((note) => html`<p class="muted note">${note}</p>`)}
          ${hit && html`<${MatchDetails} hit=${hit} onSeek=${seek} />`}
          <${CaptureDetails} item=${item} />
          <${SpeechDetails} item=${item} />
          ${isTimed ? html`<${TextTabs} item=${item} currentTime=${currentTime} onSeek=${seek} />` : html`<${FileDetails} item=${item} />`}
        </aside>
      </div>
    <//>`;
}

/** The transcript and the chapters of a video or audio item. */
function TextTabs(props) {
  const [selected, select] = useState("transcript");
  const tabs = [
    { id: "transcript", label: "Transcript", content: html`<${Transcript} ...${props} />` },
    { id: "chapters", label: "Chapters", content: html`<${Chapters} ...${props} />` },
  ];
  return html`<${Tabs} label="Text of the item" tabs=${tabs} selected=${selected} onSelect=${select} />`;
}

function MatchDetails({ hit, onSeek }) {
  const { item, start, end, evidence } = hit;
  const scene = getScene(hit);
  return html`
    <section class="match-details">
      <h3>Why this moment matches${item.kind !== "image" && html` <span class="muted">${formatRange(start, end, item.duration)}</span>`}</h3>
      <${Score} hit=${hit} />
      <${EvidenceList} evidence=${evidence} hasScores />
      ${scene && html`
        <p class="muted" title=${SCENE_DESCRIPTION}>${scene.start <= start && end <= scene.end ? "Part of a longer scene:" : "The best match is in the scene"}${" "}
          <button type="button" class="quiet" aria-label=${`Go to the start of the scene, ${formatTime(scene.start, item.duration)}`}
            onClick=${() => onSeek(scene.start)}>${formatRange(scene.start, scene.end, item.duration)}</button></p>`}
    </section>`;
}

/** Buttons to the previous and the next result or item. */
function Pager() {
  player.use();
  query.use((state) => state.showsUnlikely);
  library.use((state) => state.version);
  const position = getPosition();
  if (position === null) return null;
  const { index, total, unit } = position;
  return html`
    <nav class="pager" aria-label=${unit === "result" ? "Search results" : "Library items"}>
      <${IconButton} name="previous" label=${`Previous ${unit} (p)`} disabled=${index === 0} onClick=${() => goTo(-1)} />
      <span class="muted">${(index + 1).toLocaleString("en")} of ${total.toLocaleString("en")}</span>
      <${IconButton} name="next" label=${`Next ${unit} (n)`} disabled=${index === total - 1} onClick=${() => goTo(1)} />
    </nav>`;
}

const FileDetails = ({ item }) => html`
  <section><h3>File</h3>
    ${item.caption && html`<p class="caption">${item.caption}</p>`}
    <dl><dt>Type</dt><dd>${item.content_type}</dd><dt>Size</dt><dd>${item.width} × ${item.height} px</dd>
    ${item.tags.length > 0 && html`<dt>Tags</dt><dd>${item.tags.map((tag) => `#${tag}`).join(" ")}</dd>`}</dl>
  </section>`;
