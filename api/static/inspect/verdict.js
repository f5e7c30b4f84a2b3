// A verdict as a chip: a colour, an icon and a word. A p-value as text.

import { Icon } from "../ui/icon.js";
import { html } from "../vendor/preact.js";

export const VERDICTS = { fail: "Fail", undecided: "Undecided", pass: "Pass" };
const ICONS = { fail: "close", undecided: "help", pass: "check" };

export const Verdict = ({ verdict }) => html`<span class=${`verdict ${verdict}`}><${Icon} name=${ICONS[verdict]} />${VERDICTS[verdict]}</span>`;

/** 0.04762 -> "0.048"; below 0.001 with one significant digit. */
export const formatPValue = (p) => (p < 0.001 ? p.toPrecision(1) : String(Number(p.toFixed(3))));

const MARKS = { accept: "Accepted", reject: "Rejected" };

/** What the user has said of a result; null without marks. */
export const describeMarks = (marks) => {
  const last = marks.at(-1);
  if (!last) return null;
  const isDrawn = last.verdict === "reject" && marks.some(({ polygons }) => polygons.length > 0);
  return isDrawn ? "Rejected, outlined" : MARKS[last.verdict];
};
