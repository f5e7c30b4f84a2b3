// The state of one answer while it is streamed.

import { postEvents } from "../service/event-stream.js";

/** `sentences`: [{text, citations}] in order; `result`: the complete answer; `steps`: the tool calls of an agent; `heard`: the
 *  recognized words of a spoken question. */
export const NEW_ANSWER = { isRunning: true, sentences: [], citations: [], steps: [], heard: null, result: null, problem: null };

/** Request an answer and call `onChange(patch)` with each change of its state. Resolves to the answer, or to null if it failed or
 *  was aborted. */
export async function streamAnswer(body, onChange, signal) {
  const state = { ...NEW_ANSWER };
  const change = (patch) => onChange(Object.assign(state, patch));
  const onEvent = (name, data) => {
    if (name === "sentence") change({ sentences: [...state.sentences, data], citations: mergeCitations(state.citations, data.cited) });
    if (name === "step") change({ steps: [...state.steps, data] });
    if (name === "heard") change({ heard: data.text });
  };
  try {
    const result = await postEvents("/v1/ask", body, onEvent, signal);
    const { sentences, citations, steps = [], heard = null } = result;
    change({ isRunning: false, result, sentences, citations, steps, heard: heard ?? state.heard });
    return result;
  } catch (problem) {
    if (problem.name !== "AbortError") change({ isRunning: false, problem });
    return null;
  }
}

const mergeCitations = (citations, more) => [...citations, ...more.filter(({ n }) => !citations.some((other) => other.n === n))];
