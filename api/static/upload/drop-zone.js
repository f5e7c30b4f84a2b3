// Drag and drop of files onto the page: add them to the library, or search with a single file. A pasted file is searched with.

import { parseNewTags } from "../library/filter-store.js";
import { closePlayer } from "../player/player-store.js";
import { searchWithFile } from "../search/query-store.js";
import { showToast } from "../ui/notifications.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { readDroppedFiles } from "./dropped-files.js";
import { addFiles } from "./upload-store.js";

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

export function DropZone() {
  const [isVisible, setVisible] = useState(false);
  useEffect(() => {
    const dragenter = (event) => { if (hasFiles(event)) setVisible(true); };
    const dragover = (event) => { if (hasFiles(event)) event.preventDefault(); };
    const dragleave = (event) => { if (event.relatedTarget === null) setVisible(false); };
    const drop = async (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setVisible(false);
      const isSearch = event.target.closest('[data-drop="search"], #search-field');
      const { files, hasFolder } = await readDroppedFiles(event.dataTransfer).catch(() => ({ files: [] }));
      if (files.length === 0) return showToast("The dropped files cannot be read.");
      if (isSearch && files.length === 1 && !hasFolder) {
        closePlayer();
        searchWithFile(files[0]);
      } else addFiles(files, parseNewTags());
    };
    const paste = (event) => {
      const [file] = event.clipboardData.files;
      if (file) searchWithFile(file);
    };
    const listeners = { dragenter, dragover, dragleave, drop, paste };
    Object.entries(listeners).forEach(([name, listener]) => addEventListener(name, listener));
    return () => Object.entries(listeners).forEach(([name, listener]) => removeEventListener(name, listener));
  }, []);
  return html`
    <div id="drop" hidden=${!isVisible}>
      <div data-drop="add"><strong>Add to the library</strong><span>images, videos, audio files, folders</span></div>
      <div data-drop="search"><strong>Search with this file</strong><span>find moments that look or sound similar</span></div>
    </div>`;
}
