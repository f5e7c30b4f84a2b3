// Status text of one upload row. Row states: waiting, sending, paused, processing, failed, cancelled, interrupted.

import { formatBytes, formatCount, formatProgress, formatTimeLeft } from "../ui/format.js";

const FINAL_STATES = new Set(["failed", "cancelled", "interrupted"]);

/** Whether the row has ended without an item that can be searched. */
export const isEnded = (row) => FINAL_STATES.has(row.state);

/** Whether an ended row can be retried: the page has its file, or the service has its bytes. */
export const canRetry = (row) => isEnded(row) && Boolean(row.file || row.item);

/** The progress of a row, or the reason why it ended. */
export function describeRow(row) {
  if (isEnded(row)) return row.error;
  if (row.state === "waiting") return `waiting to be sent, ${formatBytes(row.size)}`;
  if (row.state === "paused") return row.stage;
  const timeLeft = formatTimeLeft(row.secondsLeft);
  if (row.state === "sending") return [`${formatBytes(row.sent)} of ${formatBytes(row.size)}`, timeLeft].filter(Boolean).join(", ");
  if (row.isQueued) return ["waiting", describePosition(row.position), timeLeft].filter(Boolean).join(", ");
  return [row.stage, row.progress > 0 && formatProgress(row.progress), timeLeft].filter(Boolean).join(", ");
}

/** `position` is the number of jobs ahead in the queue; null if the service does not report it. */
function describePosition(position) {
  if (position === null) return "";
  return position === 0 ? "next in the queue" : `${formatCount(position, "file")} before it`;
}
