// The moments that an answer cites.

import { openItem } from "../player/player-store.js";
import * as client from "../service/client.js";
import { formatRange } from "../ui/format.js";
import { showToast } from "../ui/notifications.js";

/** `diary.mp4, 1:02–1:08`; only the name for an image. */
export function describeCitation({ name, start, end }) {
  return end > 0 ? `${name}, ${formatRange(start, end)}` : name;
}

/** Open the player at the start of a cited moment. */
export async function openCitation({ item_id: id, start, name }) {
  try {
    openItem(await client.getItem(id), start);
  } catch (problem) {
    showToast(problem.status === 404 ? `${name} was deleted.` : problem.message);
  }
}
