// The question as it is put together, and its answer.

import { count } from "../format.js";
import * as service from "../service.js";
import { isTemporary, retryLater, settled } from "../retry.js";
import { createStore } from "../store.js";
import { asked, filters } from "./filters.js";
import { announce } from "./say.js";

/** `like` is {item, time} with the item as the service gives it, `without` what must not be there, with commas between.
 *  `answer` is null as long as there is no question; `unfolded` is whether its less likely hits are shown. */
export const question = createStore({
  text: "", without: "", file: null, preview: null, like: null, busy: false, open: false, answer: null, problem: null, unfolded: false,
});
let asking = null; // the search under way; a new one aborts it

export const isEmpty = ({ text, file, like }) => !text.trim() && !file && !like;

/** What stands between commas. */
export const things = (text) => text.split(",").map((thing) => thing.trim()).filter(Boolean);

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
  question.set({ text: "", without: "", file: null, preview: null, like: { item, time } });
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
  settled("question");
  detach();
  question.set({ text: "", without: "", busy: false, open: false, answer: null, problem: null });
  filters.set({ item: null });
}

export async function ask() {
  const put = question.get();
  const { text, without, file, like } = put;
  if (isEmpty(question.get())) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  question.set({ busy: true, open: true });
  const moment = like && { item: like.item.id, time: like.time };
  try {
    const answer = await service.search({ text: text.trim(), without: things(without), file, like: moment, filters: asked() }, mine.signal);
    if (asking !== mine) return;
    question.set({ answer, problem: null, unfolded: !answer.hits.some(isLikely) });
    settled("question");
    announce(inWords(answer.hits));
  } catch (problem) {
    if (asking !== mine) return;
    question.set({ answer: null, problem });
    if (isTemporary(problem)) retryLater("question", () => { if (isSame(put)) ask(); });
    else settled("question");
    announce(problem.message);
  } finally {
    if (asking === mine) question.set({ busy: false });
  }
}

/** Whether the question still is the one that was put: who changes it asks again when they want to. */
const isSame = (put) => ["text", "without", "file", "like"].every((part) => put[part] === question.get()[part]);

/** What a screen reader says of the answer. */
function inWords(hits) {
  if (hits.length === 0) return "Nothing matches.";
  const [likely, possible] = [hits.filter(isLikely).length, hits.filter((hit) => !isLikely(hit)).length];
  const found = likely > 0 ? `${count(likely, "moment")} found` : "Nothing is a likely match";
  return possible > 0 ? `${found}, ${possible.toLocaleString("en")} less likely.` : `${found}.`;
}

/** Whether a hit reaches the calibrated floor of the space. */
export const isLikely = (hit) => hit.band === "likely";

/** Hits by item, the item of the best hit first; within an item in order of time. */
export function grouped(hits) {
  const groups = new Map();
  for (const hit of hits) {
    if (!groups.has(hit.item.id)) groups.set(hit.item.id, { item: hit.item, best: hit.score, hits: [] });
    groups.get(hit.item.id).hits.push(hit);
  }
  return [...groups.values()].map((group) => ({ ...group, hits: group.hits.toSorted((a, b) => a.start - b.start) }));
}

/** {likely, possible}: the groups of the hits of an answer, by their band. */
export function banded(answer) {
  const hits = answer?.hits ?? [];
  return { likely: grouped(hits.filter(isLikely)), possible: grouped(hits.filter((hit) => !isLikely(hit))) };
}

/** The hits in the order in which they are shown; those that are folded are not among them. */
export function inOrder({ answer, unfolded }) {
  const { likely, possible } = banded(answer);
  return [...likely, ...(unfolded ? possible : [])].flatMap((group) => group.hits);
}

const isHeard = (piece) => piece?.kind === "speech" || piece?.kind === "sound";
const RUN_UP = 1; // seconds of words before the best part that are better heard than cut off

/** Where someone begins to watch a hit: in its best part, a little after its start because a segment may begin with the last
 *  frames of a cut; at the words or the sound when these carried it. Words that begin just before the best part, where the
 *  picture is still another one, are heard from the start of the best part on. */
export function moment(hit) {
  const { evidence: [first], best_start: start } = hit;
  if (isHeard(first) && (first.start >= start || first.start < start - RUN_UP)) return first.start;
  return isHeard(first) ? start : inside(hit, 0.1, 0.5);
}

const LATE = 0.9; // of the best part

/** The time whose picture stands for a hit. The service gives the key frame before it: late in the best part, that is most
 *  likely one of the best part itself. A sound is drawn from where someone begins to listen. */
export const glance = (hit) => (hit.item.kind === "audio" ? moment(hit) : inside(hit, LATE, Infinity));

/** A time in the best part of a hit: a share of its length after its start, at most so many seconds. */
const inside = ({ best_start: start, best_end: end }, share, most) => start + Math.min(most, share * (end - start));

/** Evidence, strongest first, without what hardly counts beside the strongest. */
export const carrying = (evidence) => evidence.filter((piece) => piece.score >= 0.1 * evidence[0].score);
