// What can be said of one file that is being added. Its states: waiting, sending, paused, working, refused, cancelled, cut.

import { bytes, count, left, share } from "../format.js";

/** Whether a row that is over can be tried again: its file is here, or its bytes are in the library. */
export const canRetry = (row) => isOver(row) && Boolean(row.file || row.item);

/** How far a row is, or why it is over. */
export function inWords(row) {
  if (isOver(row)) return row.error;
  if (row.state === "waiting") return `waiting to be sent, ${bytes(row.size)}`;
  if (row.state === "paused") return row.stage;
  const rest = left(row.left);
  if (row.state === "sending") return [`${bytes(row.sent)} of ${bytes(row.size)}`, rest].filter(Boolean).join(", ");
  if (row.queued) return ["waiting", turn(row.position), rest].filter(Boolean).join(", ");
  return [row.stage, row.progress > 0 && share(row.progress), rest].filter(Boolean).join(", ");
}

/** The place in the queue, where the service knows it: `position` is how many jobs come before. */
function turn(position) {
  if (position === null) return "";
  return position === 0 ? "next in the queue" : `${count(position, "file")} before it`;
}

export const isOver = (row) => row.state === "refused" || row.state === "cancelled" || row.state === "cut";
