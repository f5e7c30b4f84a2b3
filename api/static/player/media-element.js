// The video, audio or image element of an item.

import { contentUrl, thumbnailUrl } from "../service/client.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const SEEK_OFFSET_SECONDS = 0.02; // shows the first frame of a moment instead of the last frame before it

const isAnimatedImage = (item) => item.kind === "video" && item.content_type.startsWith("image/");

/** `media` is a ref that receives the element; `numSeeks` increases when the element is to go to `time`. */
export function MediaElement({ item, time, numSeeks, media, hasControls, onTime }) {
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [item.id]);
  useEffect(() => {
    const element = media.current;
    if (!element?.play) return;
    const seek = () => { element.currentTime = time > 0 ? time + SEEK_OFFSET_SECONDS : 0; };
    if (element.readyState >= 1) seek();
    else element.addEventListener("loadedmetadata", seek, { once: true });
    return () => element.removeEventListener("loadedmetadata", seek);
  }, [numSeeks, item.id, isBroken]);
  const src = contentUrl(item);
  // Browsers show neither every image format nor a time of an animated image: then the service decodes it.
  if (item.kind === "image" || isAnimatedImage(item)) {
    const isDecoded = isBroken || time > 0;
    return html`<img key=${`${item.id} ${isDecoded}`} ref=${media} src=${isDecoded ? thumbnailUrl(item, time, 1280) : src} alt=${item.name}
      onError=${() => setBroken(true)} />`;
  }
  if (isBroken) {
    return html`
      ${item.kind === "video" && html`<img key=${item.id} ref=${media} src=${thumbnailUrl(item, time, 1280)} alt=${`${item.name} at the requested time`} />`}
      <p class="error playback-error">This browser cannot play the file. Save it to play it in another application.</p>`;
  }
  const reportTime = (event) => onTime(event.target.currentTime);
  const listeners = { onTimeUpdate: reportTime, onSeeked: reportTime, onError: () => setBroken(true) };
  return item.kind === "video"
    ? html`<video key=${item.id} ref=${media} src=${src} poster=${thumbnailUrl(item, time, 640)} controls=${hasControls} preload="auto" playsinline ...${listeners}></video>`
    : html`
      <img class="waveform" src=${thumbnailUrl(item, 0, 1280)} alt="" />
      <audio key=${item.id} ref=${media} src=${src} controls preload="auto" ...${listeners}></audio>`;
}
