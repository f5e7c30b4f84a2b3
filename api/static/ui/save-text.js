// Copy a text to the clipboard, or save it as a file.

import { showToast } from "./notifications.js";

export async function copyText(text) {
  const isCopied = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : copySelection(text);
  showToast(isCopied ? "Copied." : "The browser does not allow copying here. Save the text as a file instead.", { seconds: 3 });
}

/** Copy over plain HTTP, where the page has no access to the clipboard. */
function copySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area); // outside a modal dialog it cannot be selected
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

/** Download `text` as the file `stem` + `extension`. */
export const saveText = (stem, extension, text, type) => saveBlob(stem, extension, new Blob([text], { type: `${type};charset=utf-8` }));

/** Download a blob as the file `stem` + `extension`. */
export function saveBlob(stem, extension, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = (stem.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, " ").trim().slice(0, 120) || "export") + extension;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** "walk.mp4" -> "walk". */
export const removeExtension = (name) => name.replace(/\.\w{1,5}$/, "");
