// The scene of a hit: consecutive shots that show one place or event, as the temporal model detects them.

export const SCENE_DESCRIPTION = "Consecutive shots that show one place or event, as detected by the model";
const MAX_FRACTION = 0.95; // of the duration: a longer scene is nearly the whole item
const TOLERANCE_SECONDS = 1; // a scene within this tolerance of its hit adds no information

/** {start, end} of the scene that contains the best range of a hit; null if it nearly equals the hit or the item. */
export function getScene({ item, start, end, scene_start: from, scene_end: to }) {
  if (typeof to !== "number" || to - from >= MAX_FRACTION * item.duration) return null;
  const equalsHit = from > start - TOLERANCE_SECONDS && to < end + TOLERANCE_SECONDS && to - from > end - start - 2 * TOLERANCE_SECONDS;
  return equalsHit ? null : { start: from, end: to };
}

/** The scenes of several hits of one item, without repetitions. */
export const listScenes = (hits) => [...new Map(hits.map(getScene).filter(Boolean).map((scene) => [scene.start, scene])).values()];
