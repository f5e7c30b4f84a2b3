// Which cells of a long grid are in sight, and where. The page scrolls, not the grid.

import { useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const LEAST_WIDTH = 190;
const GAP = 14;
const TEXT_HEIGHT = 50; // of a card, below its picture
const RATIO = 10 / 16; // of the picture
const SPARE_ROWS = 2; // above and below what is seen

/** {ref, height, columns, cells: [{index, x, y, width}], focus}; `focus` moves the focus with the arrow keys. */
export function useGrid(total) {
  const ref = useRef();
  const [seen, setSeen] = useState({ width: 0, from: 0, to: 0 });
  const columns = Math.max(seen.width < 420 ? 2 : 1, Math.floor((seen.width + GAP) / (LEAST_WIDTH + GAP)));
  const width = (seen.width - GAP * (columns - 1)) / columns;
  const row = Math.round(width * RATIO) + TEXT_HEIGHT + GAP;
  const rows = Math.ceil(total / columns);

  useLayoutEffect(() => {
    let frame = null;
    const look = () => {
      frame = null;
      const box = ref.current.getBoundingClientRect();
      // Rounded to half rows, so that most scroll events draw nothing anew.
      const step = Math.max(row / 2, 40);
      const next = { width: ref.current.clientWidth, from: Math.floor(-box.top / step) * step, to: Math.ceil((innerHeight - box.top) / step) * step };
      setSeen((last) => (last.width === next.width && last.from === next.from && last.to === next.to ? last : next));
    };
    const later = () => { frame ??= requestAnimationFrame(look); };
    const resized = new ResizeObserver(later);
    resized.observe(ref.current);
    resized.observe(document.body); // what comes above moves the grid
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    look();
    return () => {
      cancelAnimationFrame(frame);
      resized.disconnect();
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [row]);

  const first = Math.max(0, Math.floor(seen.from / row) - SPARE_ROWS);
  const last = Math.min(rows, Math.ceil(seen.to / row) + SPARE_ROWS);
  const cells = [];
  for (let index = first * columns; seen.width > 0 && index < Math.min(total, last * columns); index++) {
    cells.push({ index, x: (index % columns) * (width + GAP), y: Math.floor(index / columns) * row, width });
  }

  const focus = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -total, End: total }[event.key];
    const from = event.target.closest("[data-index]");
    if (by === undefined || !from || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const to = Math.min(Math.max(Number(from.dataset.index) + by, 0), total - 1);
    const y = ref.current.getBoundingClientRect().top + scrollY + Math.floor(to / columns) * row;
    if (y < scrollY + 120 || y + row > scrollY + innerHeight) scrollTo(0, y - innerHeight / 2 + row / 2);
    focusWhenThere(ref, to);
  };
  return { ref, height: Math.max(rows * row - GAP, 0), columns, cells, focus };
}

/** The cell may be drawn only after the scrolling. */
function focusWhenThere(ref, index, tries = 20) {
  const cell = ref.current?.querySelector(`[data-index="${index}"] .still`);
  if (cell) cell.focus({ preventScroll: true });
  else if (tries > 0) requestAnimationFrame(() => focusWhenThere(ref, index, tries - 1));
}
