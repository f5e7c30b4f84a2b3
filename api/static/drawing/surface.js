// An image on which shapes are shown and drawn. Coordinates are pixels of the image.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

export const formatPoints = (points) => points.map(([x, y]) => `${x},${y}`).join(" ");

/** `drawing` is that of `useDrawing` or null; `drawingLabel` says how to draw; the children are SVG elements over the image. */
export function Surface({ url, width, height, label, drawing = null, drawingLabel = null, onError, children }) {
  const isDrawing = drawing !== null && drawing.isActive;
  const element = useRef();
  useLayoutEffect(() => { if (isDrawing) element.current.focus(); }, [isDrawing]); // a focused button would receive Space and Enter
  const shape = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet" };
  return html`
    <svg ref=${element} class=${isDrawing ? "panel-picture drawing" : "panel-picture"} ...${shape} role=${isDrawing ? "application" : "img"} tabindex=${isDrawing ? 0 : undefined}
      aria-label=${isDrawing ? drawingLabel : label} ...${isDrawing ? drawing.listeners : {}}>
      <image href=${url} x="0" y="0" width=${width} height=${height} preserveAspectRatio="none" onError=${onError} />
      ${children}
      ${isDrawing && html`<${Outline} drawing=${drawing} size=${Math.max(width, height)} />`}
    </svg>`;
}

function Outline({ drawing: { shape, points, cursor }, size }) {
  const radius = size / 70;
  const corners = shape === "box" && points.length > 0 ? boxCorners(points[0], cursor) : [...points, cursor];
  return html`
    ${shape === "box" ? html`<polygon class="outline" points=${formatPoints(corners)} />` : html`<polyline class="outline" points=${formatPoints(corners)} />`}
    ${points.map(([x, y], i) => html`<circle key=${i} class="corner" cx=${x} cy=${y} r=${radius / 1.6} />`)}
    <path class="cursor" d=${`M${cursor[0] - 2 * radius} ${cursor[1]}h${4 * radius}M${cursor[0]} ${cursor[1] - 2 * radius}v${4 * radius}`} />`;
}

/** The four corners of a box between two opposite ones. */
export const boxCorners = ([x0, y0], [x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
