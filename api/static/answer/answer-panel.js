// The answer above the hits of a search.

import { continueConversation } from "../conversation/conversation-store.js";
import { query } from "../search/query-store.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect } from "../vendor/preact.js";
import { dropAnswer, isQuestion, requestAnswer, searchAnswer } from "./answer-store.js";
import { AnswerText } from "./answer-text.js";
import { ExportMenu } from "./export-menu.js";
import { formatAnswer, listSubtitles } from "./export.js";

/** A question is answered at once, another text by a button. A query with a file or a moment has no answer. */
export function AnswerPanel() {
  const { response, file, like } = query.use();
  const { query: text, answer } = searchAnswer.use();
  const searchedText = file || like ? "" : query.get().text.trim();
  useEffect(() => {
    dropAnswer();
    if (response && searchedText && isQuestion(searchedText)) requestAnswer(searchedText);
    return dropAnswer;
  }, [response]);
  if (!response || !searchedText) return null;
  if (!answer) {
    return html`
      <p class="ask-for-answer"><button type="button" id="answer-query" onClick=${() => requestAnswer(searchedText)}>
        <${Icon} name="answer" />Answer from the library</button></p>`;
  }
  const { result, isRunning } = answer;
  const round = { query: text, answer };
  return html`
    <section class="answer" id="answer" aria-labelledby="answer-title" aria-busy=${String(isRunning)}>
      <div class="bar">
        <h3 id="answer-title"><${Icon} name="answer" />Answer</h3>
        ${result && html`
          <${ExportMenu} name=${text} markdown=${() => formatAnswer(round)} subtitles=${listSubtitles(result.citations)} />
          <button type="button" id="follow-up" onClick=${() => continueConversation(round)}>Ask a follow-up</button>`}
      </div>
      <${AnswerText} answer=${answer} onRetry=${() => requestAnswer(text)} />
    </section>`;
}
