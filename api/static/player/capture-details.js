// When, where and with what an item was taken, and which languages are spoken; only what is known.

import { formatLanguage, formatTaken, formatTime } from "../ui/format.js";
import { html } from "../vendor/preact.js";

export function CaptureDetails({ item }) {
  const { taken_at: takenAt, make, model, lens, place, latitude, longitude, altitude } = item.capture ?? {};
  const repeatsMake = make && model?.toLowerCase().startsWith(make.toLowerCase());
  const hasPlace = latitude !== null && latitude !== undefined;
  const height = altitude === null || altitude === undefined ? "" : `, ${Math.round(altitude)} m`;
  const rows = [
    ["Taken", takenAt && formatTaken(takenAt)],
    ["Camera", repeatsMake ? model : [make, model].filter(Boolean).join(" ")],
    ["Lens", lens],
    ["Place", place],
    ["Coordinates", hasPlace && `${latitude.toFixed(5)}, ${longitude.toFixed(5)}${height}`],
  ].filter(([, value]) => value);
  if (rows.length === 0) return null;
  return html`
    <section id="capture"><h3>Taken</h3>
      <dl>${rows.map(([name, value]) => html`<dt key=${name}>${name === "Taken" ? "Time" : name}</dt><dd>${value}</dd>`)}</dl>
    </section>`;
}

/** The languages of speech, with how long each is spoken; an assumed one was not found from the sound. */
export function SpeechDetails({ item }) {
  if (!item.languages?.length) return null;
  return html`
    <section id="languages"><h3>Speech</h3>
      <dl>${item.languages.map(({ language, seconds, identified }) => html`
        <dt key=${language}>${formatLanguage(language)}</dt>
        <dd>${formatTime(seconds)}${!identified && html` <small title="The speech recognizer hears English only, or the setting names the language">assumed</small>`}</dd>`)}</dl>
    </section>`;
}
