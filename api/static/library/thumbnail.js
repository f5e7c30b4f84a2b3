// The thumbnail of an item at a time. With `hasPreview`, a video shows the frame at the position of the mouse.

import { thumbnailUrl } from "../service/client.js";
import { connection } from "../service/retry.js";
import { formatTime } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const MIN_STEP_SECONDS = 1; // between two frames of the preview
const MAX_PREVIEW_FRAMES = 16;

export function Thumbnail({ item, time = 0, size = 320, hasPreview = false }) {
  const [previewTime, setPreviewTime] = useState(null); // seconds at the position of the mouse
  const { src, isBroken, onError } = useThumbnail(item, time, previewTime, size);
  const onPointerMove = (event) => {
    if (event.pointerType === "touch") return;
    const box = event.currentTarget.getBoundingClientRect();
    const numSteps = Math.max(1, Math.min(MAX_PREVIEW_FRAMES, Math.floor(item.duration / MIN_STEP_SECONDS)));
    const step = Math.floor(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.999) * numSteps);
    setPreviewTime(((step + 0.5) / numSteps) * item.duration);
  };
  const isPreviewed = hasPreview && item.kind === "video" && item.status === "ready";
  const listeners = isPreviewed ? { onPointerMove, onPointerLeave: () => setPreviewTime(null) } : {};
  return html`
    <span class="frame" ...${listeners}>
      ${isBroken
        ? html`<${Icon} name=${item.kind} />`
        : html`<img key=${item.id} src=${src} alt="" loading="lazy" decoding="async" draggable=${false} onError=${onError} />`}
      ${previewTime !== null && html`
        <span class="scrubber" style=${{ width: `${(100 * previewTime) / item.duration}%` }}></span>
        <span class="time">${formatTime(previewTime, item.duration)}</span>`}
    </span>`;
}

/** {src, isBroken, onError}. The previous frame is shown until the preview frame is loaded. */
function useThumbnail(item, time, previewTime, size) {
  const [loadedUrl, setLoadedUrl] = useState(null);
  const [isBroken, setBroken] = useState(false);
  const latest = useRef(null);
  latest.current = previewTime;
  const reconnects = connection.use((state) => state.reconnects);
  useEffect(() => setBroken(false), [item.id, item.status, reconnects]);
  useEffect(() => {
    if (previewTime === null) return setLoadedUrl(null);
    const image = new Image();
    image.onload = () => { if (latest.current === previewTime) setLoadedUrl(image.src); };
    image.src = thumbnailUrl(item, previewTime, size);
  }, [previewTime]);
  return { src: (previewTime !== null && loadedUrl) || thumbnailUrl(item, time, size), isBroken, onError: () => setBroken(true) };
}
