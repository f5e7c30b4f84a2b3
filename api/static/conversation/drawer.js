// The conversation drawer beside the page.

import { AnswerText } from "../answer/answer-text.js";
import { ExportMenu } from "../answer/export-menu.js";
import { formatConversation, listSubtitles } from "../answer/export.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import {
  MAX_ROUNDS, ask, clearConversation, closeConversation, conversation, isRunning, openConversation, retryRound, stopRound,
} from "./conversation-store.js";
import { MicrophoneButton, hasMicrophone } from "./microphone.js";
import { StateChips } from "./state-chips.js";

export const ConversationButton = () => {
  const isOpen = conversation.use((state) => state.isOpen);
  return html`
    <${IconButton} id="open-conversation" name="conversation" label="Conversation about the library (c)" aria-expanded=${String(isOpen)}
      aria-controls="conversation" onClick=${isOpen ? closeConversation : openConversation} />`;
};

export const Conversation = () => conversation.use((state) => state.isOpen) && html`<${Drawer} />`;

function Drawer() {
  const { rounds } = conversation.use();
  const log = useRef();
  useLayoutEffect(() => () => document.getElementById("open-conversation")?.focus(), []);
  useEffect(() => { log.current.scrollTop = log.current.scrollHeight; }, [rounds]);
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault(); // Escape would also clear the query
    closeConversation();
  };
  const answered = rounds.filter(({ answer }) => answer.result);
  return html`
    <aside class="drawer" id="conversation" aria-labelledby="conversation-title" onKeyDown=${onKeyDown}>
      <header class="bar">
        <h2 id="conversation-title">Conversation</h2>
        ${answered.length > 0 && html`
          <${ExportMenu} name="conversation" markdown=${() => formatConversation(rounds)}
            subtitles=${listSubtitles(answered.flatMap(({ answer }) => answer.citations))} />`}
        ${rounds.length > 0 && html`<button type="button" onClick=${clearConversation}>New</button>`}
        <${IconButton} name="close" label="Close the conversation (Esc)" onClick=${closeConversation} />
      </header>
      <div class="rounds" ref=${log} role="log" aria-live="polite" aria-label="Rounds" tabindex="0">
        ${rounds.length === 0 && html`
          <p class="muted hint">Ask about what is seen, said or heard in the library. Follow-up questions can refer to earlier answers:
            “the second one”, “earlier”, “only in walk.mp4”, “without the dog”.</p>`}
        ${rounds.map((round, i) => html`
          <article key=${round.id} aria-label=${`Round ${i + 1}`}>
            <p class="question">${round.query || html`<${Icon} name="microphone" /><span class="visually-hidden">Spoken question</span>`}</p>
            <${AnswerText} answer=${round.answer} onRetry=${retryRound} />
          </article>`)}
      </div>
      <footer><${StateChips} /><${Composer} rounds=${rounds} /></footer>
    </aside>`;
}

function Composer({ rounds }) {
  const [text, setText] = useState("");
  const usesAgent = conversation.use((state) => state.usesAgent);
  const input = useRef();
  useEffect(() => input.current?.focus(), []);
  const onSubmit = (event) => {
    event.preventDefault();
    if (!text.trim() || isRunning()) return;
    ask(text.trim());
    setText("");
  };
  if (rounds.length >= MAX_ROUNDS && !isRunning()) {
    return html`<p class="muted">A conversation has at most ${MAX_ROUNDS} rounds. Export it, or start a new one.</p>`;
  }
  return html`
    <form onSubmit=${onSubmit} autocomplete="off">
      <label class="visually-hidden" for="question">Question</label>
      <input id="question" type="text" maxlength="2000" ref=${input} value=${text} enterkeyhint="send"
        placeholder=${rounds.length > 0 ? "Ask a follow-up" : "Ask about the library"} onInput=${(event) => setText(event.target.value)} />
      ${hasMicrophone && !text && html`<${MicrophoneButton} disabled=${isRunning()} onRecorded=${ask} />`}
      ${isRunning()
        ? html`<button type="button" onClick=${stopRound}>Stop</button>`
        : html`<button type="submit" class="primary" disabled=${!text.trim()} aria-label="Ask"><${Icon} name="next" /></button>`}
      <label class="agent" title="The model may search, count and describe in several steps, which takes longer">
        <input type="checkbox" checked=${usesAgent} onChange=${(event) => conversation.set({ usesAgent: event.target.checked })} />In steps</label>
    </form>`;
}
