// Follow the progress of jobs: up to `MAX_STREAMS` as event streams, the others by polling the job list.

import * as client from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";

const MAX_STREAMS = 3; // a browser opens six HTTP/1.1 connections per host, and other requests need some
const POLL_MS = 2000;
const queued = new Map(); // job id -> {onEvent, resolve} of a job without a stream
let numStreams = 0;
let pollTimer = null;

/** Call `onEvent` at each progress event. Resolves to the job in its final state, or to null if it does not exist any more. */
export function followJob(jobId, onEvent) {
  return new Promise((resolve) => {
    queued.set(jobId, { onEvent, resolve });
    startStreams();
  });
}

function startStreams() {
  while (numStreams < MAX_STREAMS && queued.size > 0) {
    const [jobId, { onEvent, resolve }] = queued.entries().next().value;
    queued.delete(jobId);
    numStreams += 1;
    streamJob(jobId, onEvent).then((job) => {
      numStreams -= 1;
      resolve(job);
      startStreams();
    });
  }
  if (queued.size > 0 && pollTimer === null) pollTimer = setTimeout(pollJobs, POLL_MS);
}

async function pollJobs() {
  try {
    for (const job of await client.listJobs(500)) {
      const follower = queued.get(job.id);
      if (!follower) continue;
      follower.onEvent(job);
      if (client.isFinal(job)) {
        queued.delete(job.id);
        follower.resolve(job);
      }
    }
  } catch {
    // The next poll retries.
  }
  pollTimer = null;
  startStreams();
}

/** Follow one job. The browser reconnects a lost event stream from the last event. If it gives up, the job is requested, and
 *  the stream is opened again unless the job is in a final state. */
function streamJob(jobId, onEvent) {
  return new Promise((resolve) => {
    const key = `job ${jobId}`;
    const finish = (job) => { clearRetry(key); resolve(job); };
    const openStream = () => {
      const stream = new EventSource(`/v1/jobs/${jobId}/events`);
      stream.addEventListener("job", (message) => {
        const job = JSON.parse(message.data);
        onEvent(job);
        if (!client.isFinal(job)) return;
        stream.close();
        finish(job);
      });
      stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) requestJob(); });
    };
    const requestJob = () => client.getJob(jobId).then(
      (job) => (client.isFinal(job) ? finish(job) : scheduleRetry(key, openStream)),
      (problem) => (isTemporary(problem) ? scheduleRetry(key, requestJob) : finish(null)),
    );
    openStream();
  });
}
