// Draw a polygon on an image, by mouse or keyboard.

import { useLayoutEffect, useState } from "../vendor/preact.js";

const STEP = 0.02; // fraction of the longer side per key press; Shift makes it a fifth
const MIN_CORNERS = 3;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);
const round = (value) => Math.round(10 * value) / 10;

/** A drawing on an image of `width` x `height` pixels: {isActive, points, cursor, start, undo, cancel, handleKey, listeners}.
 *  `onEnd(polygon)` is called with at least three corners. The drawing is dropped when `id` changes. */
export function useDrawing({ id, width, height, onEnd }) {
  const [isActive, setActive] = useState(false);
  const [points, setPoints] = useState([]);
  const [cursor, setCursor] = useState([width / 2, height / 2]);
  useLayoutEffect(() => cancel, [id]); // a later cleanup would end a drawing that a key has started meanwhile
  const start = () => { setPoints([]); setCursor([width / 2, height / 2]); setActive(true); };
  const cancel = () => { setActive(false); setPoints([]); };
  const undo = () => setPoints((last) => last.slice(0, -1));
  const add = (point) => setPoints((last) => (isSame(last.at(-1), point) ? last : [...last, point]));
  const end = () => {
    if (points.length < MIN_CORNERS) return;
    cancel();
    onEnd(points);
  };
  const locate = (event) => {
    const svg = event.currentTarget;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [round(clamp(x, width)), round(clamp(y, height))];
  };
  const listeners = {
    onPointerMove: (event) => setCursor(locate(event)),
    onPointerDown: (event) => { if (event.button === 0) { setCursor(locate(event)); add(locate(event)); } },
    onDblClick: end,
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
  return { isActive, points, cursor, canEnd: points.length >= MIN_CORNERS, start, end, undo, cancel, handleKey, listeners };
}

const isSame = (a, b) => a !== undefined && a[0] === b[0] && a[1] === b[1];
