// What the view "Evaluate" shows. The URL restores it.

import { createStore } from "../ui/store.js";

/** `set` is the name of a data set, null for the one with the latest run; `runId` is the open run, `baselineId` the run that it is
 *  compared with; both are null in the list of runs. */
export const evaluate = createStore({ isOpen: false, set: null, runId: null, baselineId: null });

/** Show the view, with a selection that the URL or a click gives. */
export const openEvaluate = ({ set = null, runId = null, baselineId = null } = {}) => evaluate.set({ isOpen: true, set, runId, baselineId });

export const closeEvaluate = () => evaluate.set({ isOpen: false });

export const selectSet = (set) => evaluate.set({ set, runId: null, baselineId: null });

export const selectRun = (runId, baselineId = null) => evaluate.set({ runId, baselineId });
