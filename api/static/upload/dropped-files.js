// Read the files of a drop or a file input; folders are read recursively.

const SYSTEM_FILE = /^(\.|Thumbs\.db$|desktop\.ini$)/i; // files that file managers create in folders

/** Resolve to {files, hasFolder}. Call it in the drop handler itself: the browser empties the list afterwards. */
export function readDroppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  return Promise.all(entries.map(({ entry, file }) => (entry?.isDirectory ? readFolder(entry) : [file]))).then((lists) => ({
    files: lists.flat().filter(Boolean),
    hasFolder: entries.some(({ entry }) => entry?.isDirectory),
  }));
}

async function readFolder(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 entries
    if (batch.length === 0) break;
    entries.push(...batch);
  }
  const lists = await Promise.all(entries.map((entry) => (entry.isDirectory ? readFolder(entry) : getFile(entry))));
  return withoutSystemFiles(lists.flat());
}

const getFile = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

/** The files of a list without those that file managers create. */
export const withoutSystemFiles = (files) => [...files].filter((file) => !SYSTEM_FILE.test(file.name));
