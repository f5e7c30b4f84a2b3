// The address says what is shown, so that Back, a reload and a link lead to it: #q=…&not=…&kind=…&tag=…&in=…&like=…&item=…&at=…

import { isTemporary, retryLater } from "./retry.js";
import * as service from "./service.js";
import { NONE, filters } from "./state/filters.js";
import { close, play, player } from "./state/player.js";
import { toast } from "./state/say.js";
import { ask, clear, question } from "./state/question.js";

let applying = false;

export function installRoute() {
  question.watch(() => write(true));
  filters.watch(() => write(false));
  player.watch(() => write(false));
  addEventListener("popstate", apply);
  return apply();
}

function address() {
  const parts = new URLSearchParams();
  const { text, without, like, open, file } = question.get();
  const { kinds, tags, item: within, sort } = filters.get();
  const { item, time } = player.get();
  if (open && !file && text.trim()) parts.set("q", text.trim());
  if (open && !file && without.trim()) parts.set("not", without.trim());
  if (open && like) parts.set("like", `${like.item.id}@${like.time.toFixed(2)}`);
  kinds.forEach((kind) => parts.append("kind", kind));
  tags.forEach((tag) => parts.append("tag", tag));
  if (within) parts.set("in", within.id);
  if (sort !== "newest") parts.set("sort", sort);
  if (item) parts.set("item", item.id);
  if (item && time > 0) parts.set("at", time.toFixed(2));
  return parts.size > 0 ? `#${parts}` : "";
}

/** What was asked becomes a step that Back undoes; filters and the player only change the present one. */
let asked = "";
function write(isQuestion) {
  if (applying) return;
  const { text, without, like, open, file, busy } = question.get();
  if (isQuestion && open && !busy) return; // the words are still being written
  const next = address();
  const shown = open ? JSON.stringify([file ? "" : text.trim(), file ? "" : without.trim(), like?.item.id, like?.time]) : "";
  const isNew = isQuestion && shown !== asked;
  asked = isQuestion ? shown : asked;
  if (next === location.hash) return;
  history[isNew ? "pushState" : "replaceState"](null, "", next || location.pathname);
}

async function apply() {
  const { hash } = location;
  const parts = new URLSearchParams(hash.slice(1));
  applying = true;
  try {
    const [like, at] = (parts.get("like") ?? "").split("@");
    const wanted = [like, parts.get("in"), parts.get("item")];
    const [likeItem, within, item] = await Promise.all(wanted.map((id) => (id ? service.item(id) : null)));
    const { sort } = filters.get();
    filters.set({ ...NONE, kinds: parts.getAll("kind"), tags: parts.getAll("tag"), item: within, sort: parts.get("sort") ?? sort });
    const text = parts.get("q") ?? "";
    const without = parts.get("not") ?? "";
    if (text || likeItem) {
      const now = question.get();
      const words = now.open && now.text.trim() === text && now.without.trim() === without;
      const same = words && now.like?.item.id === likeItem?.id && now.like?.time === (likeItem ? Number(at) : undefined);
      if (!same) {
        question.set({ text, without, file: null, preview: null, like: likeItem && { item: likeItem, time: Number(at) || 0 } });
        ask();
      }
    } else if (question.get().open) {
      clear();
      filters.set({ item: within });
    }
    if (item) play(item, Number(parts.get("at")) || 0);
    else close();
  } catch (problem) {
    toast(problem.message);
    if (isTemporary(problem)) retryLater("address", () => { if (location.hash === hash) apply(); });
  } finally {
    applying = false;
  }
}
