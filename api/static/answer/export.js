// Answers, conversations and chapters as Markdown and as SubRip subtitles (SRT).

import { describeCitation } from "./citations.js";
import { describeModel } from "./model.js";

/** An answer with its cited moments. `answer` is a state of `answer-state.js`. */
export function formatAnswer({ query, answer: { result } }) {
  const moments = result.citations.map((citation) => `${citation.n}. ${describeCitation(citation)}${citation.text ? `: “${citation.text}”` : ""}`);
  const parts = [`## ${query}`, result.text, moments.join("\n"), `*${describeModel(result)}*`];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

export const formatConversation = (rounds) => rounds.filter(({ answer }) => answer.result).map(formatAnswer).join("\n");

/** [{name, cues}]: the cited moments of each video and audio item as subtitles. */
export function listSubtitles(citations) {
  const items = new Map();
  for (const { item_id: id, name, start, end, text, n } of citations) {
    if (end <= start) continue; // an image
    if (!items.has(id)) items.set(id, { name, cues: [] });
    items.get(id).cues.push({ start, end, text: text || `[${n}]` });
  }
  return [...items.values()].map(({ name, cues }) => ({ name, cues: cues.sort((a, b) => a.start - b.start) }));
}

export function formatSummary(name, { text, chapters }, formatTime) {
  const lines = chapters.map(({ start, title, text: sentence }) => `- **${formatTime(start)} ${title}**${sentence && sentence !== title ? `: ${sentence}` : ""}`);
  return `${[`# ${name}`, text, lines.join("\n")].filter(Boolean).join("\n\n")}\n`;
}

/** SubRip subtitles of [{start, end, text}]. An empty line ends a cue, so a text has none. */
export const formatSrt = (cues) =>
  cues.map(({ start, end, text }, i) => `${i + 1}\n${formatSrtTime(start)} --> ${formatSrtTime(end)}\n${text.replace(/\s*\n\s*/g, " ").trim()}\n`).join("\n");

/** 83.4 -> "00:01:23,400". */
function formatSrtTime(seconds) {
  const ms = Math.round(1000 * seconds);
  const units = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  return `${units.map((unit) => String(unit).padStart(2, "0")).join(":")},${String(ms % 1000).padStart(3, "0")}`;
}
