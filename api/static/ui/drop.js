// Files dragged over the page: they are added, or, one alone, asked with.

import { droppedFiles } from "../files.js";
import { newTags } from "../state/filters.js";
import { askWith } from "../state/question.js";
import { close } from "../state/player.js";
import { toast } from "../state/say.js";
import * as uploads from "../state/uploads.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

export function Drop() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const enter = (event) => { if (carriesFiles(event)) setShown(true); };
    const over = (event) => { if (carriesFiles(event)) event.preventDefault(); };
    const leave = (event) => { if (event.relatedTarget === null) setShown(false); };
    const drop = async (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setShown(false);
      const asks = event.target.closest('[data-drop="ask"], #ask-field');
      const { files, fromFolder } = await droppedFiles(event.dataTransfer).catch(() => ({ files: [] }));
      if (files.length === 0) return toast("Nothing in what was dropped could be read.");
      if (asks && files.length === 1 && !fromFolder) {
        close();
        askWith(files[0]);
      } else uploads.add(files, newTags());
    };
    const paste = (event) => {
      const [file] = event.clipboardData.files;
      if (file) askWith(file);
    };
    const listeners = { dragenter: enter, dragover: over, dragleave: leave, drop, paste };
    Object.entries(listeners).forEach(([name, listener]) => addEventListener(name, listener));
    return () => Object.entries(listeners).forEach(([name, listener]) => removeEventListener(name, listener));
  }, []);
  return html`
    <div id="drop" hidden=${!shown}>
      <div data-drop="add"><strong>Add to the library</strong><span>pictures, videos, sounds, folders</span></div>
      <div data-drop="ask"><strong>Ask with this file</strong><span>find what looks or sounds like it</span></div>
    </div>`;
}
