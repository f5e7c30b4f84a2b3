// The film, the sound or the picture itself.

import { content, thumbnail } from "../service.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const INTO = 0.02; // seconds: the first frame of a moment, not the last before it

/** `media` is a ref that gets the element; `seek` grows when `time` is to be gone to; `still` takes the controls away. */
export function Stage({ item, time, seek, media, still, onTime }) {
  const [broken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [item.id]);
  useEffect(() => {
    const film = media.current;
    if (!film?.play) return;
    const go = () => { film.currentTime = time > 0 ? time + INTO : 0; };
    if (film.readyState >= 1) go();
    else film.addEventListener("loadedmetadata", go, { once: true });
    return () => film.removeEventListener("loadedmetadata", go);
  }, [seek, item.id, broken]);
  if (item.kind === "image") return html`<img key=${item.id} ref=${media} src=${content(item)} alt=${item.name} />`;
  const events = { onTimeUpdate: (event) => onTime(event.target.currentTime), onSeeked: (event) => onTime(event.target.currentTime), onError: () => setBroken(true) };
  if (broken) {
    return html`
      ${item.kind === "video" && html`<img key=${item.id} ref=${media} src=${thumbnail(item, time, 1280)} alt=${`${item.name} at the moment asked for`} />`}
      <p class="error cannot">This browser cannot play the file. It can be saved, and played elsewhere.</p>`;
  }
  const source = content(item);
  return item.kind === "video"
    ? html`<video key=${item.id} ref=${media} src=${source} poster=${thumbnail(item, time, 640)} controls=${!still} preload="auto" playsinline ...${events}></video>`
    : html`
      <img class="wave" src=${thumbnail(item, 0, 1280)} alt="" />
      <audio key=${item.id} ref=${media} src=${source} controls preload="auto" ...${events}></audio>`;
}
