// A virtual grid: the cells in view and their positions. The page scrolls, not the grid.

import { useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { createSections, findHeight, findVertical, listVisible } from "./day-sections.js";

const MIN_WIDTH = 190;
const GAP = 14;
const TEXT_HEIGHT = 50; // of a card, below its thumbnail
const CAPTION_HEIGHT = 36; // of two lines
const ASPECT_RATIO = 10 / 16; // height / width of a thumbnail
const OVERSCAN_ROWS = 2; // rendered above and below the viewport

/**
 * {ref, height, columns, cells: [{index, x, y, width}], headings: [{label, count, y, key}], onKeyDown}; `days` are [{label, count}]
 * of headings, or null. `onKeyDown` moves the focus with the arrow keys.
 */
export function useVirtualGrid(total, hasCaptions, days) {
  const ref = useRef();
  const [visible, setVisible] = useState({ width: 0, from: 0, to: 0 });
  const columns = Math.max(visible.width < 420 ? 2 : 1, Math.floor((visible.width + GAP) / (MIN_WIDTH + GAP)));
  const width = (visible.width - GAP * (columns - 1)) / columns;
  const rowHeight = Math.round(width * ASPECT_RATIO) + TEXT_HEIGHT + (hasCaptions ? CAPTION_HEIGHT : 0) + GAP;
  const grid = useMemo(() => createSections(days, total, columns, rowHeight), [days, total, columns, rowHeight]);

  useLayoutEffect(() => {
    let frame = null;
    const measure = () => {
      frame = null;
      const box = ref.current.getBoundingClientRect();
      // Rounded to half rows, so that most scroll events do not render.
      const step = Math.max(rowHeight / 2, 40);
      const next = { width: ref.current.clientWidth, from: Math.floor(-box.top / step) * step, to: Math.ceil((innerHeight - box.top) / step) * step };
      setVisible((last) => (last.width === next.width && last.from === next.from && last.to === next.to ? last : next));
    };
    const measureLater = () => { frame ??= requestAnimationFrame(measure); };
    const observer = new ResizeObserver(measureLater);
    observer.observe(ref.current);
    observer.observe(document.body); // content above the grid moves it
    addEventListener("scroll", measureLater, { passive: true });
    addEventListener("resize", measureLater);
    measure();
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      removeEventListener("scroll", measureLater);
      removeEventListener("resize", measureLater);
    };
  }, [rowHeight]);

  const overscan = OVERSCAN_ROWS * rowHeight;
  const none = { cells: [], headings: [] };
  const { cells, headings } = visible.width > 0 ? listVisible(grid, visible.from - overscan, visible.to + overscan, columns, width + GAP, rowHeight) : none;
  cells.forEach((cell) => { cell.width = width; });

  const onKeyDown = (event) => {
    const offset = { ArrowLeft: -1, ArrowRight: 1, Home: -total, End: total }[event.key];
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const cell = event.target.closest("[data-index]");
    if ((offset === undefined && step === undefined) || !cell || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const current = Number(cell.dataset.index);
    const index = step ? findVertical(grid, current, step, columns) : Math.min(Math.max(current + offset, 0), total - 1);
    const y = ref.current.getBoundingClientRect().top + scrollY + findHeight(grid, index, columns, rowHeight);
    if (y < scrollY + 120 || y + rowHeight > scrollY + innerHeight) scrollTo(0, y - innerHeight / 2 + rowHeight / 2);
    focusWhenRendered(ref, index);
  };
  return { ref, height: Math.max(grid.height - GAP, 0), columns, cells, headings, onKeyDown };
}

/** Focus a cell; it may be rendered only some frames after the scroll. */
function focusWhenRendered(ref, index, tries = 20) {
  const cell = ref.current?.querySelector(`[data-index="${index}"] .thumbnail`);
  if (cell) cell.focus({ preventScroll: true });
  else if (tries > 0) requestAnimationFrame(() => focusWhenRendered(ref, index, tries - 1));
}
