// False alarms and catches at a rate, measured by the marks of a user.

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5];
const BISECTIONS = 60; // of an interval of width 1, below the precision of a number

/** The rates of the slider in ascending order, with the requested one. */
export const listRates = (requested) => [...new Set([...STEPS, requested])].sort((a, b) => a - b);

/** Whether a result fails at a rate: its p-value is at most the rate. */
export const failsAt = (result, rate) => result.record.p_value <= rate + 1e-12;

/** The verdict of the last mark of a result: "accept", "reject", or null. */
export const getMarkedVerdict = (result) => result.marks.at(-1)?.verdict ?? null;

/** {numFailed, falseAlarms, catches}; the last two are {hits, trials, low, high} over the accepted and the rejected results. */
export function measureRate(results, rate) {
  const count = (verdict) => {
    const marked = results.filter((result) => getMarkedVerdict(result) === verdict);
    const hits = marked.filter((result) => failsAt(result, rate)).length;
    const [low, high] = boundProportion(hits, marked.length);
    return { hits, trials: marked.length, low, high };
  };
  return { numFailed: results.filter((result) => failsAt(result, rate)).length, falseAlarms: count("accept"), catches: count("reject") };
}

/** 95 % Clopper-Pearson bounds of a proportion (Biometrika 26, 1934); [0, 1] without trials. */
export function boundProportion(hits, trials, tail = 0.025) {
  const solve = (isTooLow) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2;
      if (isTooLow(middle)) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return [
    hits === 0 ? 0 : solve((p) => 1 - cumulate(hits - 1, trials, p) < tail),
    hits === trials ? 1 : solve((p) => cumulate(hits, trials, p) > tail),
  ];
}

/** The probability of at most `hits` of `trials` at probability `p`, by logarithms, so that many trials do not underflow. */
function cumulate(hits, trials, p) {
  let sum = 0;
  let logChoose = 0;
  for (let k = 0; k <= hits; k++) {
    sum += Math.exp(logChoose + k * Math.log(p) + (trials - k) * Math.log1p(-p));
    logChoose += Math.log(trials - k) - Math.log(k + 1);
  }
  return Math.min(sum, 1);
}
