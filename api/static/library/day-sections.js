// The layout of a grid whose items are grouped by day: the sections of the grid, and the cells and headings in view.

const HEADING_HEIGHT = 38;

/** [{label, first, count, y, rows}] of a grid; `days` are [{label, count}] in the order of the items, or null for one section without a heading. */
export function createSections(days, total, columns, rowHeight) {
  const sections = [];
  let [first, y] = [0, 0];
  const add = (label, wanted) => {
    const count = Math.min(wanted, total - first); // the days and the items are of two responses
    if (count <= 0) return;
    const rows = Math.ceil(count / columns);
    sections.push({ label, first, count, y, rows, top: y + (label === null ? 0 : HEADING_HEIGHT) });
    y = sections.at(-1).top + rows * rowHeight;
    first += count;
  };
  (days ?? []).forEach(({ label, count }) => add(label, count));
  add(null, total - first);
  return { sections, height: y };
}

/** The cells {index, x, y} and the headings {label, y} between two heights. */
export function listVisible({ sections }, from, to, columns, columnWidth, rowHeight) {
  const [cells, headings] = [[], []];
  for (const { label, first, count, y, top, rows } of sections) {
    if (y > to) break;
    if (top + rows * rowHeight < from) continue;
    if (label !== null) headings.push({ label, count, y, key: first });
    const firstRow = Math.max(0, Math.floor((from - top) / rowHeight));
    const endRow = Math.min(rows, Math.ceil((to - top) / rowHeight));
    for (let position = firstRow * columns; position < Math.min(count, endRow * columns); position++) {
      cells.push({ index: first + position, x: (position % columns) * columnWidth, y: top + Math.floor(position / columns) * rowHeight });
    }
  }
  return { cells, headings };
}

/** The height of an item in the grid. */
export function findHeight({ sections }, index, columns, rowHeight) {
  const section = sections.findLast(({ first }) => first <= index);
  return section.top + Math.floor((index - section.first) / columns) * rowHeight;
}

/** The item above (`step` -1) or below (1) an item; the first or last one at the ends. */
export function findVertical({ sections }, index, step, columns) {
  const number = sections.findLastIndex(({ first }) => first <= index);
  const position = index - sections[number].first;
  const row = Math.floor(position / columns) + step;
  const isInside = row >= 0 && row < sections[number].rows;
  const target = isInside ? sections[number] : sections[number + step];
  if (!target) return step < 0 ? 0 : sections[number].first + sections[number].count - 1;
  const targetRow = isInside ? row : step < 0 ? target.rows - 1 : 0;
  return target.first + Math.min(targetRow * columns + (position % columns), target.count - 1);
}
