// Grouping of hits, and the times at which a hit is shown and played.

/** Whether a hit is in the surest of the three bands. */
export const isLikely = (hit) => hit.band === "likely";

/** [{item, hits}]: hits by item, the item of the best hit first; the hits of an item are in order of time. */
export function groupByItem(hits) {
  const groups = new Map();
  for (const hit of hits) {
    if (!groups.has(hit.item.id)) groups.set(hit.item.id, { item: hit.item, hits: [] });
    groups.get(hit.item.id).hits.push(hit);
  }
  return [...groups.values()].map(({ item, hits: group }) => ({ item, hits: group.toSorted((a, b) => a.start - b.start) }));
}

/** {likely, unlikely}: the hits of a response by band and item. */
export function groupByBand(response) {
  const hits = response?.hits ?? [];
  return { likely: groupByItem(hits.filter(isLikely)), unlikely: groupByItem(hits.filter((hit) => !isLikely(hit))) };
}

/** The shown hits in order; without the less likely ones unless they are expanded. */
export function listShownHits({ response, showsUnlikely }) {
  const { likely, unlikely } = groupByBand(response);
  return [...likely, ...(showsUnlikely ? unlikely : [])].flatMap((group) => group.hits);
}

const isAudible = (evidence) => evidence?.kind === "speech" || evidence?.kind === "sound";
const MAX_LEAD_SECONDS = 1;

/** The time at which playback of a hit starts. If the strongest evidence is audible, its start; evidence that begins less than
 *  `MAX_LEAD_SECONDS` before the best range plays from the start of the range, because the frame before it is of another shot.
 *  Otherwise slightly after the start of the best range: a segment may begin with the last frames of the previous shot. */
export function getPlaybackStart(hit) {
  const { evidence: [strongest], best_start: start } = hit;
  if (!isAudible(strongest)) return getTimeInBestRange(hit, 0.1, 0.5);
  return strongest.start >= start || strongest.start < start - MAX_LEAD_SECONDS ? strongest.start : start;
}

const THUMBNAIL_FRACTION = 0.9; // of the best range

/** The time of the thumbnail of a hit. The service returns the key frame before it, which late in the best range is most likely
 *  one of the range itself. The thumbnail of audio is its waveform from the playback start. */
export const getThumbnailTime = (hit) =>
  hit.item.kind === "audio" ? getPlaybackStart(hit) : getTimeInBestRange(hit, THUMBNAIL_FRACTION, Infinity);

/** A time in the best range: `fraction` of its length after its start, at most `maxSeconds` after it. */
const getTimeInBestRange = ({ best_start: start, best_end: end }, fraction, maxSeconds) => start + Math.min(maxSeconds, fraction * (end - start));

const MIN_RELATIVE_SCORE = 0.1;

/** The evidence, strongest first, whose score is at least `MIN_RELATIVE_SCORE` of the strongest. */
export const selectMainEvidence = (evidence) => evidence.filter(({ score }) => score >= MIN_RELATIVE_SCORE * evidence[0].score);
