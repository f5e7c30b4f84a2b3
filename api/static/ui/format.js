// Format values for display.

/** 83.4 -> "1:23", 3700 -> "1:01:40". If `duration` is an hour or more, hours are always written: 150 -> "0:02:30". */
export function formatTime(seconds, duration = seconds) {
  const whole = Math.floor(seconds);
  const units = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (units[0] === 0 && duration < 3600) units.shift();
  return units.map((unit, i) => (i === 0 ? String(unit) : String(unit).padStart(2, "0"))).join(":");
}

/** The range from `start` to `end`, in seconds, of a medium that lasts `duration` seconds. */
export function formatRange(start, end, duration = end) {
  const [from, to] = [formatTime(start, duration), formatTime(end, duration)];
  return from === to ? from : `${from}–${to}`;
}

export function formatBytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit++) count /= 1000;
  return `${count.toFixed(count < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A probability as a percentage from 1 % to 99 %: 0 % and 100 % would state certainty. */
export const formatProbability = (fraction) => `${Math.min(99, Math.max(1, Math.round(100 * fraction)))} %`;

/** Progress as a percentage from 0 % to 100 %, rounded down. */
export const formatProgress = (fraction) => `${Math.floor(100 * fraction)} %`;

/** 75 -> "about 1 min left"; an empty string if the time is unknown. */
export function formatTimeLeft(seconds) {
  if (seconds === null || seconds < 0 || !Number.isFinite(seconds)) return "";
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 5) * 5} s left`;
  if (seconds < 55 * 60) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

const RANGE_UNITS = [[24 * 3600, "days"], [3600, "h"], [60, "min"]];

/** A range of times in one unit: "2 to 5 min". */
export function formatSecondsRange(low, high) {
  if (high < 60) return "less than a minute";
  const [seconds, unit] = RANGE_UNITS.find(([size]) => high >= 2 * size) ?? RANGE_UNITS.at(-1);
  return `${Math.max(1, Math.round(low / seconds))} to ${Math.max(1, Math.round(high / seconds))} ${unit}`;
}

export const formatCount = (number, singular, plural = `${singular}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;

const LANGUAGES = new Intl.DisplayNames("en", { type: "language" });

/** "de" -> "German"; a code that the browser does not know as it is. */
export function formatLanguage(code) {
  try {
    return LANGUAGES.of(code);
  } catch {
    return code;
  }
}

export const KIND_LABELS = { image: "image", video: "video", audio: "audio" };
const DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const DATE_WITH_YEAR = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** The date of an ISO 8601 time; the year is omitted if it is the current one. */
export function formatDate(iso) {
  const date = new Date(iso);
  return (date.getFullYear() === new Date().getFullYear() ? DATE : DATE_WITH_YEAR).format(date);
}

const PLACE_DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const DAY = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

/** The date on the clock at the place, of an ISO 8601 time with or without an offset, which is not converted. */
export const formatTakenDate = (iso) => PLACE_DATE.format(new Date(`${iso.slice(0, 10)}T00:00Z`));

/** "May 1, 2024, 12:30:00 +02:00"; without an offset if the file states none. */
export function formatTaken(iso) {
  const offset = iso.endsWith("Z") ? " UTC" : (/[+-]\d\d:\d\d$/.exec(iso)?.[0] ?? "");
  return `${formatTakenDate(iso)}, ${iso.slice(11, 19)}${offset && ` ${offset.trim()}`}`;
}

/** "Wednesday, May 1, 2024" of "2024-05-01". */
export const formatDay = (day) => DAY.format(new Date(`${day}T00:00Z`));
