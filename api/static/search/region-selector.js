// Select a rectangular region of an image or a paused video, by dragging or with the arrow keys; the region becomes a query.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { cropImage, getContentBox } from "./crop-image.js";

const STEP = 0.02; // fraction of the image per key press
const MIN_SIZE = 0.03; // fraction of the image; a smaller drag is accidental
const HINT = "Drag to select a region.";

const clamp = (value) => Math.min(Math.max(value, 0), 1);

/** `viewport` is a ref to the parent of the image or video. `onSelect` receives the region as a file. */
export function RegionSelector({ viewport, name, onSelect, onCancel }) {
  const overlay = useRef();
  const dragStart = useRef(null);
  const [contentBox, setContentBox] = useState(null); // px
  const [box, setBox] = useState({ x: 0.25, y: 0.25, width: 0.5, height: 0.5 }); // fractions of the image
  const [error, setError] = useState(null);
  const getElement = () => viewport.current.querySelector("video, img");
  useEffect(() => {
    const previousFocus = document.activeElement;
    const fit = () => { if (viewport.current) setContentBox(getContentBox(getElement(), viewport.current)); };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(viewport.current);
    const element = getElement();
    element.addEventListener("load", fit);
    overlay.current.focus();
    return () => {
      observer.disconnect();
      element.removeEventListener("load", fit);
      if (previousFocus?.isConnected) previousFocus.focus({ preventScroll: true });
    };
  }, []);

  const getPosition = (event) => {
    const frame = overlay.current.getBoundingClientRect();
    return { x: clamp((event.clientX - frame.left) / frame.width), y: clamp((event.clientY - frame.top) / frame.height) };
  };
  const onPointerDown = (event) => {
    event.preventDefault();
    overlay.current.setPointerCapture(event.pointerId);
    overlay.current.focus();
    dragStart.current = getPosition(event);
    setBox({ ...dragStart.current, width: 0, height: 0 });
  };
  const onPointerMove = (event) => {
    if (!dragStart.current) return;
    const [a, b] = [dragStart.current, getPosition(event)];
    setBox({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) });
  };
  const onPointerUp = () => { dragStart.current = null; };
  const select = () => {
    if (box.width < MIN_SIZE || box.height < MIN_SIZE) return setError(HINT);
    cropImage(getElement(), box, `region of ${name}`).then(onSelect, (reason) => setError(reason.message));
  };
  const onKeyDown = (event) => {
    const offset = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key === "Enter") { event.preventDefault(); select(); }
    if (!offset) return;
    event.preventDefault();
    setBox(event.shiftKey
      ? { ...box, width: Math.min(Math.max(box.width + offset[0], MIN_SIZE), 1 - box.x), height: Math.min(Math.max(box.height + offset[1], MIN_SIZE), 1 - box.y) }
      : { ...box, x: Math.min(clamp(box.x + offset[0]), 1 - box.width), y: Math.min(clamp(box.y + offset[1]), 1 - box.height) });
  };
  const overlayStyle = contentBox && { left: `${contentBox.x}px`, top: `${contentBox.y}px`, width: `${contentBox.width}px`, height: `${contentBox.height}px` };
  const regionStyle = { left: `${100 * box.x}%`, top: `${100 * box.y}%`, width: `${100 * box.width}%`, height: `${100 * box.height}%` };
  return html`
    <div class="region-selector" role="application" tabindex="0" ref=${overlay} style=${overlayStyle} onKeyDown=${onKeyDown}
      aria-label="Selected region: arrow keys move it, Shift and arrow keys resize it, Enter searches, Escape cancels"
      onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerUp}>
      <span class="region" style=${regionStyle}></span>
    </div>
    <div class="region-toolbar" role="group" aria-label="Selected region">
      <span>${error ?? HINT}</span>
      <button type="button" class="primary" onClick=${select}>Search with this region</button>
      <button type="button" onClick=${onCancel}>Cancel</button>
    </div>`;
}
