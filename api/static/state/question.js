// The question as it is put together, and its answer.

import { count } from "../format.js";
import * as service from "../service.js";
import { createStore } from "../store.js";
import { asked, filters } from "./filters.js";
import { announce } from "./say.js";

/** `like` is {item, time} with the item as the service gives it. `answer` is null as long as there is no question. */
export const question = createStore({
  text: "", file: null, preview: null, like: null, busy: false, open: false, answer: null, problem: null,
});
let asking = null; // the search under way; a new one aborts it

export const isEmpty = ({ text, file, like }) => !text.trim() && !file && !like;

/** Put a picture, a sound or a clip into the question. */
export function attach(file) {
  dropPreview();
  const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
  question.set({ file, preview, like: null });
}

export function detach() {
  dropPreview();
  question.set({ file: null, preview: null, like: null });
}

export function askWith(file) {
  attach(file);
  return ask();
}

/** More like this moment of the library, and nothing else. */
export function moreLike(item, time) {
  dropPreview();
  question.set({ text: "", file: null, preview: null, like: { item, time } });
  filters.set({ item: null });
  return ask();
}

function dropPreview() {
  const { preview } = question.get();
  if (preview) URL.revokeObjectURL(preview);
}

/** Back to the library. */
export function clear() {
  asking?.abort();
  asking = null;
  detach();
  question.set({ text: "", busy: false, open: false, answer: null, problem: null });
  filters.set({ item: null });
}

export async function ask() {
  const { text, file, like } = question.get();
  if (isEmpty(question.get())) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  question.set({ busy: true, open: true });
  const moment = like && { item: like.item.id, time: like.time };
  try {
    const answer = await service.search({ text: text.trim(), file, like: moment, filters: asked() }, mine.signal);
    if (asking !== mine) return;
    question.set({ answer, problem: null });
    announce(answer.hits.length === 0 ? "Nothing matches." : `${count(answer.hits.length, "moment")} found.`);
  } catch (problem) {
    if (asking !== mine) return;
    question.set({ answer: null, problem: problem.message });
    announce(problem.message);
  } finally {
    if (asking === mine) question.set({ busy: false });
  }
}

/** Hits by item, the item of the best hit first; within an item in order of time. */
export function grouped(hits) {
  const groups = new Map();
  for (const hit of hits) {
    if (!groups.has(hit.item.id)) groups.set(hit.item.id, { item: hit.item, best: hit.score, hits: [] });
    groups.get(hit.item.id).hits.push(hit);
  }
  return [...groups.values()].map((group) => ({ ...group, hits: group.hits.toSorted((a, b) => a.start - b.start) }));
}

/** Where someone begins to watch a hit, in its best part: at the words, when words carried it; else a little into what is seen, because a
 *  segment may begin with the last frames of a cut. */
export function moment({ evidence: [first], best_start: start, best_end: end }) {
  return first?.kind === "speech" ? first.start : start + Math.min(0.5, 0.1 * (end - start));
}

/** The time whose picture stands for a hit. */
export function glance(hit) {
  return hit.evidence[0]?.kind === "speech" ? moment(hit) : hit.best_start + Math.min(1, 0.25 * (hit.best_end - hit.best_start));
}

/** Evidence, strongest first, without what hardly counts beside the strongest. */
export const carrying = (evidence) => evidence.filter((piece) => piece.score >= 0.1 * evidence[0].score);
