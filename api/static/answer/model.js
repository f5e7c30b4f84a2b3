// What wrote an answer or a summary.

/** Who wrote an answer, other than a language model. */
const SOURCES = { extractive: "Quoted from the evidence", exact: "Counted or looked up in the library" };

/** One sentence about what wrote an answer or a summary. */
export function describeModel({ model, refused = false }) {
  if (refused && model in SOURCES) return "No language model was used.";
  if (model in SOURCES) return `${SOURCES[model]}; no language model was used.`;
  return `Written by ${model}, a language model. It can be wrong.`;
}
