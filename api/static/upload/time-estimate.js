// Estimate the remaining time from recent progress.

const WINDOW_MS = 20_000;
const BURST_MS = 300; // samples closer than this, such as replayed events of a job, do not show the speed
const MIN_MS = 1000;

/** Create an estimator. Call `secondsLeft(done, total)` at each progress event; it returns null until an estimate exists. */
export function createTimeEstimator(now = () => performance.now()) {
  let samples = [];
  return {
    secondsLeft(done, total) {
      const time = now();
      const last = samples.at(-1);
      if (last && time - last.time < BURST_MS) last.done = done;
      else samples.push({ time, done });
      samples = samples.filter((sample, i) => time - sample.time <= WINDOW_MS || i >= samples.length - 2);
      const first = samples[0];
      if (time - first.time < MIN_MS || done <= first.done) return null;
      return ((total - done) * (time - first.time)) / (done - first.done) / 1000;
    },
  };
}
