// Walking through moments with the arrow keys, by where they are on the screen.

/** A keydown listener: the focus goes to the nearest moment in that direction. */
export function walk(event) {
  const from = event.target.closest("[data-hit]");
  if (!from || !event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll("[data-hit]")];
  const at = all.indexOf(from);
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") return all[at + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
  const down = event.key === "ArrowDown";
  const here = from.getBoundingClientRect();
  const beyond = all.map((one) => ({ one, box: one.getBoundingClientRect() })).filter(({ box }) => (down ? box.top > here.top + 8 : box.top < here.top - 8));
  if (beyond.length === 0) return;
  const row = down ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
  const nearest = beyond.filter(({ box }) => Math.abs(box.top - row) < 8).sort((a, b) => Math.abs(a.box.left - here.left) - Math.abs(b.box.left - here.left));
  nearest[0].one.focus();
}
