// The form that adds a scale: from a known length, a calibration board or a DICOM file.

import { Choice, Field, FieldError, parseNumber, splitProblem, useErrorFocus } from "../ui/fields.js";
import { announce } from "../ui/notifications.js";
import { html, useRef, useState } from "../vendor/preact.js";
import { BoardPictures } from "./board-pictures.js";
import { KnownLength } from "./known-length.js";
import { addDicomScale, addScale } from "./scale-store.js";

const SOURCES = { length: "Known length", board: "Board", dicom: "DICOM file" };
const EMPTY = {
  name: "", lengthMm: "", lengthUncertainty: "0", pointUncertainty: "0.5", tilt: "0", line: null, backdrop: null,
  items: [], columns: "", rows: "", squareMm: "", hasMarkers: false, markerMm: "", dictionary: "DICT_4X4_50", file: null, region: "1",
};
const FIELDS = {
  name: ["name", "query.name"],
  lengthMm: ["length.length_mm"],
  line: ["length.start", "length.end", "length", /distance|two points|apart/],
  lengthUncertainty: ["length.length_uncertainty_mm"],
  pointUncertainty: ["length.point_uncertainty_px"],
  items: ["board.items", /image|corners|board/],
  columns: ["board.columns"],
  rows: ["board.rows"],
  squareMm: ["board.square_mm"],
  markerMm: ["board.marker_mm"],
  dictionary: ["board.dictionary", /dictionary/],
  tilt: ["tilt_degrees"],
  region: ["query.region", /region/],
  file: [/DICOM|file/],
};

export function NewScale() {
  const [source, setSource] = useState("length");
  const [values, setValues] = useState(EMPTY);
  const [problem, setProblem] = useState(null);
  const [isSending, setSending] = useState(false);
  const form = useRef();
  useErrorFocus(form, problem);
  const change = (patch) => { setValues((last) => ({ ...last, ...patch })); setProblem(null); };
  const errors = splitProblem(problem, pick(FIELDS, source));
  const bind = (key) => ({ value: values[key], error: errors[key], onInput: (event) => change({ [key]: event.target.value }) });
  const onSubmit = async (event) => {
    event.preventDefault();
    const missing = findMissing(source, values);
    if (missing) return setProblem(missing);
    setSending(true);
    try {
      const added = await (source === "dicom" ? addDicomScale(values.name.trim(), values.region, values.file) : addScale(createBody(source, values)));
      setValues({ ...EMPTY, backdrop: values.backdrop, file: values.file });
      setProblem(null);
      announce(`The scale ${added.name} is added.`);
    } catch (reason) {
      setProblem(reason);
    }
    setSending(false);
  };
  return html`
    <form class="panel-box new-scale" id="new-scale" autocomplete="off" novalidate ref=${form} onSubmit=${onSubmit}>
      <h3>New scale</h3>
      <${Choice} name="scale-source" label="From" options=${SOURCES} value=${source} onChange=${(value) => { setSource(value); setProblem(null); }} />
      <${Field} id="scale-name" label="Name" placeholder="camera-1" maxlength="64" ...${bind("name")} />
      ${source === "length" && html`<${KnownLength} values=${values} errors=${errors} bind=${bind} change=${change} />`}
      ${source === "board" && html`<${BoardPictures} values=${values} errors=${errors} bind=${bind} change=${change} />`}
      ${source === "dicom" && html`
        <div class="form-field"><label class="stacked">Ultrasound file
          <input type="file" id="scale-file" accept=".dcm,application/dicom" onChange=${(event) => change({ file: event.target.files[0] ?? null })} /></label>
          <p class="muted">Its spacing is read and stored, the file is not.</p><${FieldError} id="scale-file" error=${errors.file} /></div>
        <${Field} id="scale-region" label="Region with a spacing" type="number" min="1" hint="1 is the first one of the file." ...${bind("region")} />`}
      ${source !== "dicom" && html`
        <details class="more-settings"><summary>Uncertainty</summary>
          ${source === "length" && html`
            <${Field} id="length-uncertainty" label="Of the length, mm" type="number" min="0" step="any" hint="Standard uncertainty, as of the certificate of a ruler." ...${bind("lengthUncertainty")} />
            <${Field} id="point-uncertainty" label="Of each end, pixels" type="number" min="0" step="any" ...${bind("pointUncertainty")} />`}
          <${Field} id="tilt" label="Largest tilt of a measured surface, degrees" type="number" min="0" max="44" step="any" ...${bind("tilt")} />
        </details>`}
      <${FieldError} id="new-scale" error=${errors.form} />
      <p class="buttons"><button type="submit" class="primary" disabled=${isSending}>${isSending ? "Measuring …" : "Add scale"}</button></p>
    </form>`;
}

/** The fields that the source has, so that a message is not put beside a hidden one. */
function pick(fields, source) {
  const own = {
    length: ["name", "lengthMm", "line", "lengthUncertainty", "pointUncertainty", "tilt"],
    board: ["name", "columns", "rows", "squareMm", "markerMm", "dictionary", "tilt", "items"],
    dicom: ["name", "region", "file"],
  };
  return Object.fromEntries(own[source].map((key) => [key, fields[key]]));
}

/** An error in the form of those of the service; null if the request can be sent. */
function findMissing(source, { line, items, file }) {
  if (source === "length" && line === null) return new Error("length.start: Draw the known length on an image.");
  if (source === "board" && items.length === 0) return new Error("board.items: Choose at least one image of the board.");
  return source === "dicom" && file === null ? new Error("The DICOM file is missing.") : null;
}

function createBody(source, values) {
  const body = { name: values.name.trim(), tilt_degrees: parseNumber(values.tilt) ?? 0 };
  if (source === "length") {
    const [start, end] = values.line;
    const length = { length_mm: parseNumber(values.lengthMm), start, end };
    return {
      ...body,
      length: { ...length, length_uncertainty_mm: parseNumber(values.lengthUncertainty) ?? 0, point_uncertainty_px: parseNumber(values.pointUncertainty) ?? 0 },
    };
  }
  const { items, columns, rows, squareMm, hasMarkers, markerMm, dictionary } = values;
  const board = { items: items.map(({ id }) => id), columns: parseNumber(columns), rows: parseNumber(rows), square_mm: parseNumber(squareMm) };
  return { ...body, board: { ...board, ...(hasMarkers && { marker_mm: parseNumber(markerMm), dictionary }) } };
}
