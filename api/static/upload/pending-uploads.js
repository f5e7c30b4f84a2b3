// Unfinished uploads in localStorage: after a reload, a file that is added again resumes at its last offset.

const STORAGE_KEY = "mm.uploads";
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;
const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 30_000; // without a heartbeat for this long, no other tab sends the file
const TAB_ID = readTabId();

/** The key of a file: its name, size and modification time, because the page does not know its path. */
export const fileKey = (file) => `${file.name}/${file.size}/${file.lastModified}`;

function readUploads() {
  try {
    const uploads = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}");
    return Object.fromEntries(Object.entries(uploads).filter(([, upload]) => Date.now() - upload.began < MAX_AGE_MS));
  } catch {
    return {};
  }
}

/** [key, upload] of each upload that no tab sends: this tab was reloaded, or the other tab was closed. */
export const listInterrupted = () =>
  Object.entries(readUploads()).filter(([, upload]) => upload.tab === TAB_ID || Date.now() - upload.beat > HEARTBEAT_TIMEOUT_MS);

export const readUpload = (file) => readUploads()[fileKey(file)] ?? null;

/** `url` is the tus upload URL; null for an upload that cannot resume. */
export function saveUpload(file, url) {
  const now = Date.now();
  writeUploads({ ...readUploads(), [fileKey(file)]: { name: file.name, size: file.size, url, began: now, beat: now, tab: TAB_ID } });
}

/** Record that this tab sends the file; writes at most once per `HEARTBEAT_MS`. */
export function saveHeartbeat(file) {
  const upload = readUpload(file);
  if (upload && Date.now() - upload.beat > HEARTBEAT_MS) {
    writeUploads({ ...readUploads(), [fileKey(file)]: { ...upload, beat: Date.now() } });
  }
}

export function deleteUpload(key) {
  const uploads = readUploads();
  delete uploads[key];
  writeUploads(uploads);
}

/** The id of this tab; sessionStorage keeps it across reloads. */
function readTabId() {
  try {
    const id = sessionStorage.getItem(STORAGE_KEY) ?? String(Math.random());
    sessionStorage.setItem(STORAGE_KEY, id);
    return id;
  } catch {
    return "";
  }
}

function writeUploads(uploads) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(uploads));
  } catch {
    // Without storage an upload cannot resume after a reload.
  }
}
