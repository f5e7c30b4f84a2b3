// A rectangle over a picture or a standing frame: dragged, or moved with the arrow keys. What is in it becomes a question.

import { contained, cut } from "../picture.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const STEP = 0.02; // of the picture, by one press
const LEAST = 0.03; // of the picture: smaller is a slip of the hand

const clamp = (value) => Math.min(Math.max(value, 0), 1);

/** `stage` is a ref to what holds the picture or the film. `onDone` gets the part as a file. */
export function Marker({ stage, name, onDone, onCancel }) {
  const overlay = useRef();
  const from = useRef(null);
  const [place, setPlace] = useState(null);
  const [box, setBox] = useState({ x: 0.25, y: 0.25, width: 0.5, height: 0.5 });
  const [problem, setProblem] = useState(null);
  const element = () => stage.current.querySelector("video, img");
  useEffect(() => {
    const before = document.activeElement;
    const fit = () => { if (stage.current) setPlace(contained(element(), stage.current)); };
    fit();
    const resized = new ResizeObserver(fit);
    resized.observe(stage.current);
    const image = element();
    image.addEventListener("load", fit);
    overlay.current.focus();
    return () => {
      resized.disconnect();
      image.removeEventListener("load", fit);
      if (before?.isConnected) before.focus({ preventScroll: true });
    };
  }, []);

  const at = (event) => {
    const frame = overlay.current.getBoundingClientRect();
    return { x: clamp((event.clientX - frame.left) / frame.width), y: clamp((event.clientY - frame.top) / frame.height) };
  };
  const down = (event) => {
    event.preventDefault();
    overlay.current.setPointerCapture(event.pointerId);
    overlay.current.focus();
    from.current = at(event);
    setBox({ ...from.current, width: 0, height: 0 });
  };
  const move = (event) => {
    if (!from.current) return;
    const [a, b] = [from.current, at(event)];
    setBox({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) });
  };
  const up = () => { from.current = null; };
  const use = () => {
    if (box.width < LEAST || box.height < LEAST) return setProblem("Drag over the part that you mean.");
    cut(element(), box, `part of ${name}`).then(onDone, (error) => setProblem(error.message));
  };
  const key = (event) => {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key === "Enter") { event.preventDefault(); use(); }
    if (!by) return;
    event.preventDefault();
    setBox(event.shiftKey
      ? { ...box, width: Math.min(Math.max(box.width + by[0], LEAST), 1 - box.x), height: Math.min(Math.max(box.height + by[1], LEAST), 1 - box.y) }
      : { ...box, x: Math.min(clamp(box.x + by[0]), 1 - box.width), y: Math.min(clamp(box.y + by[1]), 1 - box.height) });
  };
  const css = place && { left: `${place.x}px`, top: `${place.y}px`, width: `${place.width}px`, height: `${place.height}px` };
  const part = { left: `${100 * box.x}%`, top: `${100 * box.y}%`, width: `${100 * box.width}%`, height: `${100 * box.height}%` };
  return html`
    <div class="marker" role="application" tabindex="0" ref=${overlay} style=${css} onKeyDown=${key}
      aria-label="Part of the picture: arrows move it, Shift and arrows size it, Enter asks, Escape leaves"
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up}>
      <span class="part" style=${part}></span>
    </div>
    <div class="marking" role="group" aria-label="Marked part">
      <span>${problem ?? "Drag over the part that you mean."}</span>
      <button type="button" class="main" onClick=${use}>Ask with this part</button>
      <button type="button" onClick=${onCancel}>Leave</button>
    </div>`;
}
