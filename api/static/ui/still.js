// A picture of a moment; of a video, other moments of it while the mouse moves over.

import { connection } from "../retry.js";
import { thumbnail } from "../service.js";
import { clock } from "../format.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";

const LEAST_SECONDS = 1; // between two pictures of the preview
const MOST_PICTURES = 16;

export function Still({ item, time = 0, size = 320, scrub = false }) {
  const [at, setAt] = useState(null); // seconds under the mouse
  const shown = usePicture(item, time, at, size);
  const move = (event) => {
    if (event.pointerType === "touch") return;
    const box = event.currentTarget.getBoundingClientRect();
    const steps = Math.max(1, Math.min(MOST_PICTURES, Math.floor(item.duration / LEAST_SECONDS)));
    const step = Math.floor(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.999) * steps);
    setAt(((step + 0.5) / steps) * item.duration);
  };
  const over = scrub && item.kind === "video" && item.status === "ready" ? { onPointerMove: move, onPointerLeave: () => setAt(null) } : {};
  return html`
    <span class="picture" ...${over}>
      ${shown.broken
        ? html`<${Icon} name=${item.kind} />`
        : html`<img key=${item.id} src=${shown.src} alt="" loading="lazy" decoding="async" draggable=${false} onError=${shown.fail} />`}
      ${at !== null && html`
        <span class="scrub" style=${{ width: `${(100 * at) / item.duration}%` }}></span>
        <span class="time">${clock(at, item.duration)}</span>`}
    </span>`;
}

/** The picture at rest, until one under the mouse is there: no empty frame comes in between. */
function usePicture(item, time, at, size) {
  const [loaded, setLoaded] = useState(null);
  const [broken, setBroken] = useState(false);
  const wanted = useRef(null);
  wanted.current = at;
  const recovered = connection.use((state) => state.recovered);
  useEffect(() => setBroken(false), [item.id, item.status, recovered]);
  useEffect(() => {
    if (at === null) return setLoaded(null);
    const picture = new Image();
    picture.onload = () => { if (wanted.current === at) setLoaded(picture.src); };
    picture.src = thumbnail(item, at, size);
  }, [at]);
  return { src: (at !== null && loaded) || thumbnail(item, time, size), broken, fail: () => setBroken(true) };
}
