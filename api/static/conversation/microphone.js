// The microphone button: records a spoken question until it is pressed again.

import { Icon } from "../ui/icon.js";
import { showToast } from "../ui/notifications.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const MAX_SECONDS = 60; // the default of MM_QUERY_SECONDS
const MIN_BYTES = 1000; // a shorter recording has no speech

/** Browsers offer the microphone only over HTTPS and on localhost. */
export const hasMicrophone = Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

/** `onRecorded` is called with the recording as a `File`. */
export function MicrophoneButton({ disabled, onRecorded }) {
  const [seconds, setSeconds] = useState(null); // of the running recording
  const recorder = useRef(null);
  const stop = () => recorder.current?.state === "recording" && recorder.current.stop();
  useEffect(() => () => { if (recorder.current) recorder.current.onstop = null; stop(); releaseMicrophone(recorder.current); }, []);
  useEffect(() => {
    if (seconds === null) return;
    if (seconds >= MAX_SECONDS) return stop();
    const timer = setTimeout(() => setSeconds(seconds + 1), 1000);
    return () => clearTimeout(timer);
  }, [seconds]);
  const start = async () => {
    try {
      recorder.current = await record((file) => {
        setSeconds(null);
        if (file.size >= MIN_BYTES) onRecorded(file);
        else showToast("The recording is empty. Press the button, speak, and press it again.");
      });
      setSeconds(0);
    } catch (error) {
      showToast(error.name === "NotFoundError" ? "No microphone was found." : "The browser does not allow the page to use the microphone.");
    }
  };
  const isRecording = seconds !== null;
  const label = isRecording ? `Stop and ask, ${seconds} s recorded` : "Ask by voice, in English";
  return html`
    <button type="button" id="microphone" class="quiet" aria-pressed=${String(isRecording)} aria-label=${label} title=${label} disabled=${disabled}
      onClick=${isRecording ? stop : start}><${Icon} name=${isRecording ? "stop" : "microphone"} />${isRecording && html`<span>${seconds} s</span>`}</button>`;
}

/** Start a recording; `onStop` receives it as a `File`. */
async function record(onStop) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const recorder = new MediaRecorder(stream);
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  recorder.onstop = () => {
    releaseMicrophone(recorder);
    onStop(new File(chunks, "spoken question", { type: recorder.mimeType }));
  };
  recorder.start();
  return recorder;
}

const releaseMicrophone = (recorder) => recorder?.stream.getTracks().forEach((track) => track.stop());
