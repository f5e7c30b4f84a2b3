// The section "Ultrasound": start analyses of items and DICOM files, and show their candidates. Candidates are for review only.

import { LibraryPicker } from "../inspect/library-picker.js";
import { view } from "../inspect/inspect-store.js";
import { RequestError } from "../service/request-error.js";
import { formatDate, formatProgress } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Analysis } from "./analysis.js";
import { analyseDicom, analyseItems, analyses, loadAnalyses, loadAnalysis, selectAnalysis } from "./analysis-store.js";

export function UltrasoundView() {
  const { list, next, notice, problem, selected, isSending } = analyses.use();
  const id = view.use((state) => state.analysisId);
  const [isPicking, setPicking] = useState(false);
  const input = useRef();
  useEffect(() => { loadAnalyses(); }, []);
  useEffect(() => { loadAnalysis(id); }, [id]);
  const onFiles = (event) => { const files = [...event.target.files]; event.target.value = ""; if (files.length > 0) analyseDicom(files); };
  return html`
    <div class="inspect-layout">
      <div class="inspect-side">
        <section class="panel-box new-inspection" aria-labelledby="ultrasound-title">
          <h3 id="ultrasound-title">Find lesion candidates</h3>
          <p class="muted">In breast ultrasound: images and videos of the library, or DICOM files. A DICOM file is kept with its analysis alone and is deleted with it.</p>
          <p class="buttons">
            <button type="button" class="primary" id="add-dicom" disabled=${isSending} onClick=${() => input.current.click()}><${Icon} name="add" />DICOM file</button>
            <button type="button" id="pick-ultrasound" onClick=${() => setPicking(true)}>From the library</button>
            <input class="visually-hidden" type="file" id="dicom-files" accept=".dcm,application/dicom" multiple tabindex="-1" aria-label="DICOM files of ultrasound" ref=${input} onChange=${onFiles} /></p>
          ${isSending && html`<p class="muted" role="status">Sending …</p>`}
          ${problem && html`<${RequestError} problem=${problem} onRetry=${loadAnalyses} />`}
        </section>
        ${list?.length > 0 && html`
          <nav class="panel-box" aria-labelledby="analyses-title"><h3 id="analyses-title">Analyses</h3>
            <ul class="analyses" id="analyses">${list.map((analysis) => html`
              <li key=${analysis.id}><button type="button" class="line" aria-current=${analysis.id === id ? "true" : undefined} onClick=${() => selectAnalysis(analysis.id)}>
                <b>${analysis.name}</b> <span class="muted">${describeState(analysis)}</span></button></li>`)}</ul>
            ${next && html`<p class="muted">The latest ${list.length} are listed.</p>`}</nav>`}
      </div>
      <div class="inspect-main">
        ${notice && html`<p class="notice" id="ultrasound-notice">${notice}</p>`}
        ${list?.length === 0 && html`<div class="empty"><p><strong>Nothing is analysed yet.</strong></p><p>Add a DICOM file, or an image or video of the library.</p></div>`}
        ${selected && selected.id === id && html`<${Analysis} key=${id} analysis=${selected} />`}
      </div>
      ${isPicking && html`<${LibraryPicker} title="Find lesion candidates in" kinds=${["image", "video"]} action="Analyse" onClose=${() => setPicking(false)}
        onSelect=${(items) => { setPicking(false); analyseItems(items); }} />`}
    </div>`;
}

const STATES = { done: "done", queued: "waiting", failed: "failed", quarantined: "failed", cancelled: "stopped" };

const describeState = ({ state, progress, created_at: createdAt }) =>
  `${state === "running" ? formatProgress(progress) : (STATES[state] ?? state)} · ${formatDate(createdAt)}`;
