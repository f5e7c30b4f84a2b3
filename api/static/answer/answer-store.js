// The answer to the query of the search form.

import { createSearchFilters } from "../library/filter-store.js";
import { announce } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { NEW_ANSWER, streamAnswer } from "./answer-state.js";

/** `answer` is null if none was requested; `query` is its text. */
export const searchAnswer = createStore({ query: "", answer: null });
let currentRequest = null; // AbortController of the running request

const QUESTION_START = /^(who|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|has|have|can|could|list|describe|summari[sz]e|tell)\b/i;

/** Whether a text is a question, which is answered without a click. Other texts are searches. */
export const isQuestion = (text) => /\?\s*$/.test(text) || (QUESTION_START.test(text.trim()) && text.trim().includes(" "));

/** Request the answer to `text` with the filters of the search. */
export async function requestAnswer(text) {
  dropAnswer();
  const request = (currentRequest = new AbortController());
  searchAnswer.set({ query: text, answer: NEW_ANSWER });
  const onChange = (patch) => { if (currentRequest === request) searchAnswer.set({ answer: { ...searchAnswer.get().answer, ...patch } }); };
  const result = await streamAnswer({ query: text, filters: createSearchFilters(), stream: true }, onChange, request.signal);
  if (result && currentRequest === request) announce(`Answer: ${result.text}`);
}

/** Remove the answer; a running request is aborted. */
export function dropAnswer() {
  currentRequest?.abort();
  currentRequest = null;
  searchAnswer.set({ query: "", answer: null });
}
