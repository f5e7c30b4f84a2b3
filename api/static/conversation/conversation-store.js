// The conversation about the library: up to 15 rounds, each with its answer and with what it searches for.

import { NEW_ANSWER, streamAnswer } from "../answer/answer-state.js";
import { createStore } from "../ui/store.js";

export const MAX_ROUNDS = 15;

/** `rounds`: [{id, question, query, answer, state}], where `query` is the text of the question; `state`: what the next question
 *  refines, or null; `usesAgent`: whether the model may call tools. */
export const conversation = createStore({ isOpen: false, rounds: [], state: null, usesAgent: false });
let currentRequest = null; // AbortController of the running round
let lastId = 0;

export const openConversation = () => conversation.set({ isOpen: true });
export const closeConversation = () => conversation.set({ isOpen: false });

export const isRunning = () => conversation.get().rounds.at(-1)?.answer.isRunning ?? false;

/** Open the conversation with `{query, answer}` as its first round. */
export function continueConversation({ query, answer }) {
  stopRound();
  conversation.set({ isOpen: true, rounds: [{ id: ++lastId, question: query, query, answer, state: answer.result.state }], state: answer.result.state });
}

/** Ask a question in the context of the earlier rounds: a text, or a recording as a `File`. */
export async function ask(question) {
  const { rounds, state, usesAgent } = conversation.get();
  if (isRunning() || rounds.length >= MAX_ROUNDS) return;
  const request = (currentRequest = new AbortController());
  const id = ++lastId;
  const context = listContext(rounds, state);
  const isSpoken = question instanceof File;
  conversation.set({ rounds: [...rounds, { id, question, query: isSpoken ? "" : question, answer: NEW_ANSWER, state: null }] });
  const change = (patch) => patchRound(id, (round) => ({ ...round, query: patch.heard ?? round.query, answer: { ...round.answer, ...patch } }));
  const body = isSpoken ? createForm(question, context, usesAgent) : { query: question, conversation: context, agent: usesAgent, stream: true };
  const result = await streamAnswer(body, change, request.signal);
  if (result) {
    patchRound(id, (round) => ({ ...round, state: result.state }));
    conversation.set({ state: result.state });
  } else if (request.signal.aborted) {
    conversation.set({ rounds: conversation.get().rounds.filter((round) => round.id !== id) });
  }
}

/** Ask the question of the last round again, after it failed. */
export function retryRound() {
  const { rounds } = conversation.get();
  conversation.set({ rounds: rounds.slice(0, -1) });
  return ask(rounds.at(-1).question);
}

/** Stop the running round and remove it. */
export function stopRound() {
  currentRequest?.abort();
  currentRequest = null;
}

export function clearConversation() {
  stopRound();
  conversation.set({ rounds: [], state: null });
}

function createForm(audio, context, usesAgent) {
  const form = new FormData();
  form.set("conversation", JSON.stringify(context));
  form.set("agent", usesAgent);
  form.set("stream", true);
  form.set("audio", audio);
  return form;
}

/** The answered rounds in the format of a request. The last one has the present state, from which the user may have removed parts. */
function listContext(rounds, state) {
  const answered = rounds.filter(({ answer }) => answer.result);
  return answered.map((round, i) => ({
    query: round.query, answer: round.answer.result.text, state: i === answered.length - 1 ? state : round.state,
  }));
}

function patchRound(id, change) {
  conversation.set({ rounds: conversation.get().rounds.map((round) => (round.id === id ? change(round) : round)) });
}
