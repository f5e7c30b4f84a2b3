// Which scenes are worth showing beside a moment. A scene is a run of shots that show one place or event, as the model finds them.

export const SCENE = "Shots that follow each other and show one place or event, as far as the service can tell";
const WHOLE = 0.95; // of the item: a scene that is nearly all of it tells nothing
const SAME = 1; // seconds: a scene that is no longer than its moment tells nothing

/** {start, end} of the scene in which the best part of a hit lies; null where it tells no more than the moment or the item. */
export function sceneOf({ item, start, end, scene_start: from, scene_end: to }) {
  if (typeof to !== "number" || to - from >= WHOLE * item.duration) return null;
  return from > start - SAME && to < end + SAME && to - from > end - start - 2 * SAME ? null : { start: from, end: to };
}

/** Those of several hits of one item, each once. */
export const scenesOf = (hits) => [...new Map(hits.map(sceneOf).filter(Boolean).map((scene) => [scene.start, scene])).values()];
