// A value that components watch. `set` takes what changes; a component is drawn anew when what it selected has changed.

import { useLayoutEffect, useRef, useState } from "./vendor/preact.js";

export function createStore(initial) {
  let state = initial;
  const watchers = new Set();
  return {
    get: () => state,
    set(patch) {
      state = { ...state, ...patch };
      [...watchers].forEach((look) => look());
    },
    /** Call `look` after each change; returns how to stop. */
    watch(look) {
      watchers.add(look);
      return () => watchers.delete(look);
    },
    /** A hook: what `select` makes of the state. */
    use(select = (whole) => whole) {
      const [, redraw] = useState(0);
      const value = select(state);
      const last = useRef();
      last.current = { select, value };
      useLayoutEffect(() => {
        const look = () => {
          if (!Object.is(last.current.select(state), last.current.value)) redraw((n) => n + 1);
        };
        look();
        watchers.add(look);
        return () => watchers.delete(look);
      }, []);
      return value;
    },
  };
}
