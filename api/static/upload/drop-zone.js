// Drag and drop of files onto the page: add them to the library, search with a single file, or give them to the shown inspector.
// A pasted file is searched with.

import { parseNewTags } from "../library/filter-store.js";
import { addGoodFiles } from "../inspect/good-parts.js";
import { inspectors, view } from "../inspect/inspect-store.js";
import { inspectFiles } from "../inspect/new-inspection.js";
import { closePlayer } from "../player/player-store.js";
import { query, searchWithFile } from "../search/query-store.js";
import { analyseDicom } from "../ultrasound/analysis-store.js";
import { showToast } from "../ui/notifications.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { readDroppedFiles } from "./dropped-files.js";
import { addFiles } from "./upload-store.js";

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

export function DropZone() {
  const [isVisible, setVisible] = useState(false);
  const inspector = useInspector();
  const latest = useRef();
  latest.current = inspector;
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
      const target = latest.current && event.target.closest("[data-drop]")?.dataset.drop;
      if (latest.current === DICOM && target === "dicom") analyseDicom(files);
      else if (target === "good") addGoodFiles(latest.current.name, files);
      else if (target === "parts") inspectFiles(latest.current.name, files);
      else if (isSearch && files.length === 1 && !hasFolder) {
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
  if (inspector === DICOM) {
    return html`
      <div id="drop" hidden=${!isVisible}>
        <div data-drop="dicom"><strong>DICOM files to analyse</strong><span>kept with their analysis, not in the library</span></div>
        <div data-drop="add"><strong>Add to the library</strong><span>images and videos of ultrasound, to be analysed from there</span></div>
      </div>`;
  }
  if (inspector) {
    return html`
      <div id="drop" hidden=${!isVisible}>
        <div data-drop="good"><strong>Good parts</strong><span>examples for ${inspector.name}</span></div>
        ${inspector.current !== null && html`<div data-drop="parts"><strong>Parts to inspect</strong><span>with ${inspector.name}, version ${inspector.current}</span></div>`}
      </div>`;
  }
  return html`
    <div id="drop" hidden=${!isVisible}>
      <div data-drop="add"><strong>Add to the library</strong><span>images, videos, audio files, folders</span></div>
      <div data-drop="search"><strong>Search with this file</strong><span>find moments that look or sound similar</span></div>
    </div>`;
}

const DICOM = "dicom"; // the section that takes DICOM files is shown

/** The inspector that the page shows, or `DICOM`; null in the library, in the results of a search and where there is none. */
function useInspector() {
  const { isOpen, section, name } = view.use();
  const all = inspectors.use((state) => state.all);
  const isSearch = query.use((state) => state.isOpen);
  if (!isOpen || isSearch || section === "scales") return null;
  if (section === "ultrasound") return DICOM;
  return all?.find((other) => other.name === name) ?? null;
}
