// Uploads that have begun and not ended, kept beyond the page: a file that is dropped again goes on from where it was.

const KEY = "mm.uploads";
const WEEK_MS = 7 * 24 * 3600 * 1000;

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

export const recall = (file) => all()[fingerprint(file)] ?? null;

/** `url` is where it goes on; null for an upload that cannot. */
export function remember(file, url) {
  write({ ...all(), [fingerprint(file)]: { name: file.name, size: file.size, url, began: Date.now() } });
}

export const forget = (file) => forgetKey(fingerprint(file));

export function forgetKey(key) {
  const rest = all();
  delete rest[key];
  write(rest);
}

function write(uploads) {
  try {
    localStorage.setItem(KEY, JSON.stringify(uploads));
  } catch {
    // Without storage an upload cannot go on behind a reload; nothing else is lost.
  }
}
