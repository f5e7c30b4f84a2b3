// What wrote an answer or a summary.

/** Who wrote an answer, other than a language model. */
const SOURCES = { extractive: "Quoted from the evidence", exact: "Counted or looked up in the library" };

/** What wrote an answer or a summary. `hasCaptions`: whether it quotes captions, which a model has written. */
export function describeModel({ model, refused = false, citations = [], hasCaptions = citations.some(({ evidence }) => evidence === "caption") }) {
  if (refused && model in SOURCES) return "No language model was used.";
  if (model in SOURCES && hasCaptions) return `${SOURCES[model]}. Captions are written by a model and can be wrong.`;
  if (model in SOURCES) return `${SOURCES[model]}; no language model was used.`;
  return `Written by ${model}, a language model. It can be wrong.`;
}
