// Files out of what was dropped or chosen, folders with all that is below them.

const NOT_MEDIA = /^(\.|Thumbs\.db$|desktop\.ini$)/i; // what file managers leave in folders

/** Must be called while the drop is handled: the list is empty afterwards. Resolves to {files, fromFolder}. */
export function droppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  return Promise.all(entries.map(({ entry, file }) => (entry?.isDirectory ? below(entry) : [file]))).then((lists) => ({
    files: lists.flat().filter(Boolean),
    fromFolder: entries.some(({ entry }) => entry?.isDirectory),
  }));
}

async function below(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (entries.length === 0) break;
    found.push(...entries);
  }
  const lists = await Promise.all(found.map((entry) => (entry.isDirectory ? below(entry) : fileOf(entry))));
  return lists.flat().filter(isMeant);
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

const isMeant = (file) => !NOT_MEDIA.test(file.name);

/** The files of a chosen folder that are meant. */
export const meant = (files) => [...files].filter(isMeant);
