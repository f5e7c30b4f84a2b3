// How values are written for people.

/** 83.4 -> "1:23", 3700 -> "1:01:40". In something of an hour or more, which lasts `duration` seconds, hours are always
 *  written: 150 -> "0:02:30". */
export function clock(seconds, duration = seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0 && duration < 3600) parts.shift();
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** From `start` to `end` in something that lasts `duration` seconds. */
export function range(start, end, duration = end) {
  const [from, to] = [clock(start, duration), clock(end, duration)];
  return from === to ? from : `${from}–${to}`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit++) count /= 1000;
  return `${count.toFixed(count < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** Never "100 %" for what is not certain, nor "0 %" for what is not impossible. */
export const percent = (fraction) => `${Math.min(99, Math.max(1, Math.round(100 * fraction)))} %`;

/** How far something is: 0 and 100 are meant. */
export const share = (fraction) => `${Math.floor(100 * fraction)} %`;

/** 75 -> "about 1 min left"; nothing while it is not known. */
export function left(seconds) {
  if (seconds === null || seconds < 0 || !Number.isFinite(seconds)) return "";
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 5) * 5} s left`;
  if (seconds < 55 * 60) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const KIND = { image: "picture", video: "video", audio: "sound" };
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** The day of a time in ISO form; the year only where it is another one. */
export function day(iso) {
  const then = new Date(iso);
  return (then.getFullYear() === new Date().getFullYear() ? DAY : YEAR).format(then);
}
