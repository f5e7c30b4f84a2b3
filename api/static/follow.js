// The progress of jobs: a few as streams of events, the others, while they wait for a stream, from the list of jobs.

import { isTemporary, retryLater, settled } from "./retry.js";
import * as service from "./service.js";

const STREAMS = 3; // a browser opens six connections to one address, and others are needed too
const LOOK_MS = 2000;
const waiting = new Map(); // job id -> what hears of it
let streaming = 0;
let looking = null;

/** Tell `onevent` of every step; resolves to the last, or to null when the job is not known any more. */
export function follow(jobId, onevent) {
  return new Promise((resolve) => {
    waiting.set(jobId, { onevent, resolve });
    next();
  });
}

function next() {
  while (streaming < STREAMS && waiting.size > 0) {
    const [jobId, { onevent, resolve }] = waiting.entries().next().value;
    waiting.delete(jobId);
    streaming += 1;
    stream(jobId, onevent).then((end) => {
      streaming -= 1;
      resolve(end);
      next();
    });
  }
  if (waiting.size > 0 && looking === null) looking = setTimeout(look, LOOK_MS);
}

async function look() {
  try {
    for (const job of await service.jobs(500)) {
      const one = waiting.get(job.id);
      if (!one) continue;
      one.onevent(job);
      if (service.isFinal(job)) {
        waiting.delete(job.id);
        one.resolve(job);
      }
    }
  } catch {
    // The next look may reach the service.
  }
  looking = null;
  next();
}

/** The browser resumes a lost connection by itself, from the last event it saw; where it gives up, the job is asked for, and
 *  followed on when it is not over. */
function stream(jobId, onevent) {
  return new Promise((resolve) => {
    const name = `job ${jobId}`;
    const end = (job) => { settled(name); resolve(job); };
    const open = () => {
      const events = new EventSource(`/v1/jobs/${jobId}/events`);
      events.addEventListener("job", (message) => {
        const last = JSON.parse(message.data);
        onevent(last);
        if (!service.isFinal(last)) return;
        events.close();
        end(last);
      });
      events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) ask(); });
    };
    const ask = () => service.job(jobId).then(
      (job) => (service.isFinal(job) ? end(job) : retryLater(name, open)),
      (problem) => (isTemporary(problem) ? retryLater(name, ask) : end(null)),
    );
    open();
  });
}
