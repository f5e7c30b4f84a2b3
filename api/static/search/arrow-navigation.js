// Move the focus between hits with the arrow keys, by their position on the screen.

const ROW_TOLERANCE_PX = 8;

/** Keydown listener: focus the nearest hit in the direction of the arrow key. */
export function moveFocus(event) {
  const current = event.target.closest("[data-hit]");
  if (!current || !event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const hits = [...event.currentTarget.querySelectorAll("[data-hit]")];
  const index = hits.indexOf(current);
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") return hits[index + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
  const isDown = event.key === "ArrowDown";
  const { top, left } = current.getBoundingClientRect();
  const candidates = hits
    .map((hit) => ({ hit, box: hit.getBoundingClientRect() }))
    .filter(({ box }) => (isDown ? box.top > top + ROW_TOLERANCE_PX : box.top < top - ROW_TOLERANCE_PX));
  if (candidates.length === 0) return;
  const tops = candidates.map(({ box }) => box.top);
  const rowTop = isDown ? Math.min(...tops) : Math.max(...tops);
  const row = candidates.filter(({ box }) => Math.abs(box.top - rowTop) < ROW_TOLERANCE_PX);
  row.sort((a, b) => Math.abs(a.box.left - left) - Math.abs(b.box.left - left));
  row[0].hit.focus();
}
