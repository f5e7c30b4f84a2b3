// Time left, from how fast it went lately.

const WINDOW_MS = 20_000;
const BURST_MS = 300; // what comes at once, as the past of a job does, says nothing of its speed
const LEAST_MS = 1000;

/** `left(done, total)` is called as work goes on; it gives seconds, or null as long as nothing can be said. */
export function estimator(now = () => performance.now()) {
  let samples = [];
  return {
    left(done, total) {
      const time = now();
      const last = samples.at(-1);
      if (last && time - last.time < BURST_MS) last.done = done;
      else samples.push({ time, done });
      samples = samples.filter((sample, i) => time - sample.time <= WINDOW_MS || i >= samples.length - 2);
      const first = samples[0];
      if (time - first.time < LEAST_MS || done <= first.done) return null;
      return ((total - done) * (time - first.time)) / (done - first.done) / 1000;
    },
  };
}
