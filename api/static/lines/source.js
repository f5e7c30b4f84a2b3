// Where the frames of a line come from: a video of the library, a folder of the server, or a camera.

import { LibraryPicker } from "../inspect/library-picker.js";
import { thumbnailUrl } from "../service/client.js";
import { Check, Choice, Field, FieldError, parseNumber } from "../ui/fields.js";
import { formatTime } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useState } from "../vendor/preact.js";

const KINDS = { item: "Video", folder: "Folder", camera: "Camera" };

export const SOURCE_FIELDS = {
  item: ["source.item", /no item|no video/],
  folder: ["source.folder", /folder|MM_IMPORT_ROOT/],
  camera: ["source.camera", /camera|rtsp/i],
  fps: ["source.fps"],
  pattern: ["source.pattern", /pattern/],
  perPart: ["source.images_per_part"],
};

/** The `source` of a request. */
export function createSource({ kind, item, pace, folder, once, pattern, perPart, camera, fps }) {
  const rate = parseNumber(fps) === null ? {} : { fps: parseNumber(fps) };
  if (kind === "item") return { item: item?.id ?? "", pace, ...rate };
  if (kind === "camera") return { camera: camera.trim(), ...rate };
  return { folder: folder.trim(), once, pattern, images_per_part: parseNumber(perPart) ?? 0 };
}

export function Source({ values: { kind, item, pace, once }, errors, bind, change }) {
  const [isPicking, setPicking] = useState(false);
  const changeKind = (value) => change({ kind: value, region: null });
  return html`
    <${Choice} name="line-source" label="Frames from" options=${KINDS} value=${kind} onChange=${changeKind} />
    ${kind === "item" && html`
      <div class="form-field">
        ${item && html`<p class="picked"><img src=${thumbnailUrl(item, 0, 160)} alt="" /><span>${item.name} <span class="muted">${formatTime(item.duration)} · ${item.width} × ${item.height}</span></span></p>`}
        <p class="buttons"><button type="button" id="pick-video" onClick=${() => setPicking(true)}><${Icon} name="video" />${item ? "Another video" : "Choose a video"}</button></p>
        <${FieldError} id="pick-video" error=${errors.item} /></div>
      <${Check} id="line-pace" label="Replay in real time, as a camera" checked=${pace} onChange=${(value) => change({ pace: value })} />`}
    ${kind === "folder" && html`
      <${Field} id="line-folder" label="Folder" placeholder="station-1" maxlength="4096" hint="Below MM_IMPORT_ROOT of the server. Images that appear in it are inspected." ...${bind("folder")} />
      <${Check} id="line-once" label="End after the images that are there" checked=${once} onChange=${(value) => change({ once: value })} />
      <details class="more-settings"><summary>Several images of a part</summary>
        <${Field} id="line-pattern" label="Pattern of file names" placeholder="(?P<part>\\d+)_.*" maxlength="500" hint="A regular expression with the group “part”." ...${bind("pattern")} />
        <${Field} id="line-per-part" label="Images of a part" type="number" min="0" max="1000" hint="0: a part ends after 2 s without an image." ...${bind("perPart")} />
      </details>`}
    ${kind === "camera" && html`
      <${Field} id="line-camera" label="Address" placeholder="rtsp://user:password@camera.local/stream" maxlength="2000" spellcheck="false"
        hint="rtsp:// or rtsps://. The password stays on the server and is not shown again." ...${bind("camera")} />`}
    ${kind !== "folder" && html`<${Field} id="line-fps" label="Frames a second, at most" type="number" min="0" max="30" step="any" ...${bind("fps")} />`}
    ${isPicking && html`<${LibraryPicker} title="Video of the line" kinds=${["video"]} action="Choose" isSingle onClose=${() => setPicking(false)}
      onSelect=${([picked]) => { setPicking(false); change({ item: picked, region: null }); }} />`}`;
}
