// An observable value. `set` merges a patch; a component re-renders when the value that it selected has changed.

import { useLayoutEffect, useRef, useState } from "../vendor/preact.js";

export function createStore(initial) {
  let state = initial;
  const listeners = new Set();
  return {
    get: () => state,
    set(patch) {
      state = { ...state, ...patch };
      [...listeners].forEach((listener) => listener());
    },
    /** Call `listener` after each change; returns a function that unsubscribes. */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Hook: the result of `select` on the state. */
    use(select = (whole) => whole) {
      const [, render] = useState(0);
      const value = select(state);
      const latest = useRef();
      latest.current = { select, value };
      useLayoutEffect(() => {
        const listener = () => {
          if (!Object.is(latest.current.select(state), latest.current.value)) render((n) => n + 1);
        };
        listener();
        listeners.add(listener);
        return () => listeners.delete(listener);
      }, []);
      return value;
    },
  };
}
