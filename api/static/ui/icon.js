// Line icons in a viewBox of 24 x 24.

import { html } from "../vendor/preact.js";

const PATHS = {
  attach: "M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.4 3.4 0 0 1 4.8 4.8L9.8 17.3a1.7 1.7 0 0 1-2.4-2.4l7.4-7.4",
  close: "M6 6l12 12M18 6L6 18",
  album: "M7 4h13v13H7zM4 7v13h13M10 14l3-3.5 2 2 1.5-1.5L20 14",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  similar: "M4 9c3-3 5 2 8 0s5-3 8 0M4 15c3-3 5 2 8 0s5-3 8 0",
  region: "M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16M9 9h6v6H9z",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  add: "M12 5v14M5 12h14",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  system: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 4v16M15 5l-3 3M18 8l-6 6M19.5 12.5L12 20",
  "sign-out": "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
  answer: "M12 3.5l1.9 5.1 5.1 1.9-5.1 1.9L12 17.5l-1.9-5.1L5 10.5l5.1-1.9zM18.5 15.5l.8 2.2 2.2.8-2.2.8-.8 2.2-.8-2.2-2.2-.8 2.2-.8z",
  conversation: "M4 5h16v11H10l-4.5 4v-4H4zM8 9h8M8 12.5h5",
  microphone: "M12 14.5a3 3 0 0 0 3-3v-5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  stop: "M7 7h10v10H7z",
  help: "M9 9.2a3 3 0 1 1 4.3 2.7c-.9.4-1.3 1-1.3 2.1M12 17.6v.2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  star: "M12 4l2.4 5.2 5.6.7-4.1 3.9 1.1 5.6-5-2.8-5 2.8 1.1-5.6L4 9.9l5.6-.7z",
  edit: "M5 19l1-4L16.5 4.5l3 3L9 18l-4 1zM14 7l3 3",
  check: "M5 12.5l4.5 4.5L19 7",
  down: "M6 9.5l6 6 6-6",
  retry: "M5 12a7 7 0 1 1 2 5M5 20v-4h4",
  image: "M4 5h16v14H4zM4 16l4.5-4.5 4 4L15 13l5 4.5M15.5 9.5h.01",
  video: "M4 6h16v12H4zM10 9.5v5l4.5-2.5z",
  audio: "M5 10v4M9 7v10M13 4.5v15M17 8v8M21 10.5v3",
};

export const Icon = ({ name }) => html`<svg class="icon" aria-hidden="true" viewBox="0 0 24 24"><path d=${PATHS[name]} /></svg>`;

/** A button without text: `label` is its accessible name and its tooltip. */
export const IconButton = ({ name, label, ...rest }) => html`
  <button type="button" class="quiet" aria-label=${label} title=${label} ...${rest}><${Icon} name=${name} /></button>`;
