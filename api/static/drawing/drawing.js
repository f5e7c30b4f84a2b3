// Draw a polygon, a line or a box on an image, by mouse or keyboard.

import { useLayoutEffect, useState } from "../vendor/preact.js";

const STEP = 0.02; // fraction of the longer side per key press; Shift makes it a fifth
/** Fewest and most corners of each shape; a line and a box end with their second one. */
const NUM_CORNERS = { polygon: [3, Infinity], line: [2, 2], box: [2, 2] };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);
const round = (value) => Math.round(10 * value) / 10;

/** A drawing on an image of `width` x `height` pixels: {isActive, points, cursor, start, undo, cancel, handleKey, listeners}.
 *  `shape` is a key of `NUM_CORNERS`; `onEnd(points)` is called with its corners. The drawing is dropped when `id` changes. */
export function useDrawing({ id, width, height, shape = "polygon", onEnd }) {
  const [minimum, maximum] = NUM_CORNERS[shape];
  const [isActive, setActive] = useState(false);
  const [points, setPoints] = useState([]);
  const [cursor, setCursor] = useState([width / 2, height / 2]);
  useLayoutEffect(() => cancel, [id]); // a later cleanup would end a drawing that a key has started meanwhile
  const start = () => { setPoints([]); setCursor([width / 2, height / 2]); setActive(true); };
  const cancel = () => { setActive(false); setPoints([]); };
  const undo = () => setPoints((last) => last.slice(0, -1));
  const add = (point) => {
    if (isSame(points.at(-1), point)) return;
    if (points.length + 1 < maximum) setPoints([...points, point]);
    else end([...points, point]);
  };
  const end = (corners = points) => {
    if (corners.length < minimum) return;
    cancel();
    onEnd(corners);
  };
  const locate = (event) => {
    const svg = event.currentTarget;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [round(clamp(x, width)), round(clamp(y, height))];
  };
  const listeners = {
    onPointerMove: (event) => setCursor(locate(event)),
    onPointerDown: (event) => { if (event.button === 0) { setCursor(locate(event)); add(locate(event)); } },
    onDblClick: () => end(),
  };
  /** Handle a key while the drawing is active; returns whether it was one of the drawing. */
  const handleKey = (event) => {
    if (event.key in ARROWS) {
      const step = Math.max(width, height) * STEP * (event.shiftKey ? 0.2 : 1);
      const [x, y] = ARROWS[event.key];
      setCursor(([left, top]) => [round(clamp(left + x * step, width)), round(clamp(top + y * step, height))]);
    } else if (event.key === " ") add(cursor);
    else if (event.key === "Enter") end();
    else if (event.key === "Backspace" || event.key === "u") undo();
    else return false;
    return true;
  };
  return { isActive, shape, points, cursor, canEnd: points.length >= minimum, start, end: () => end(), undo, cancel, handleKey, listeners };
}

const isSame = (a, b) => a !== undefined && a[0] === b[0] && a[1] === b[1];
