// Uploads that have begun and not ended, kept beyond the page: a file that is dropped again goes on from where it was.

const KEY = "mm.uploads";
const WEEK_MS = 7 * 24 * 3600 * 1000;
const BEAT_MS = 5000;
const SILENT_MS = 30_000; // another tab that sends would have given a sign of life within it
const TAB = tab();

/** The same file of the same person, as far as a page can know. */
export const fingerprint = (file) => `${file.name}/${file.size}/${file.lastModified}`;

export function all() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(found).filter(([, one]) => Date.now() - one.began < WEEK_MS));
  } catch {
    return {};
  }
}

/** Those that nothing sends any more: of this tab before its reload, or of a tab that is gone. */
export const cut = () => Object.entries(all()).filter(([, one]) => one.tab === TAB || Date.now() - one.beat > SILENT_MS);

export const recall = (file) => all()[fingerprint(file)] ?? null;

/** `url` is where it goes on; null for an upload that cannot. */
export function remember(file, url) {
  const now = Date.now();
  write({ ...all(), [fingerprint(file)]: { name: file.name, size: file.size, url, began: now, beat: now, tab: TAB } });
}

/** A sign of life, as bytes of the file go out. */
export function beat(file) {
  const one = recall(file);
  if (one && Date.now() - one.beat > BEAT_MS) write({ ...all(), [fingerprint(file)]: { ...one, beat: Date.now() } });
}

export const forget = (file) => forgetKey(fingerprint(file));

export function forgetKey(key) {
  const rest = all();
  delete rest[key];
  write(rest);
}

/** A name of this tab that outlives its reload. */
function tab() {
  try {
    const name = sessionStorage.getItem(KEY) ?? String(Math.random());
    sessionStorage.setItem(KEY, name);
    return name;
  } catch {
    return "";
  }
}

function write(uploads) {
  try {
    localStorage.setItem(KEY, JSON.stringify(uploads));
  } catch {
    // Without storage an upload cannot go on behind a reload; nothing else is lost.
  }
}
