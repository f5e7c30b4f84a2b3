// What keys do while the player is open.

import { step } from "../state/player.js";

const CONTROLS = "button, a, input, select, summary";

/** A keydown listener. `media` may hold a picture, which plays nothing. */
export function playerKeys({ media, jump, mark, like, marking }) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || marking) return;
    const film = media.current?.play ? media.current : null;
    const onControl = event.target.matches(CONTROLS); // Space and Enter press it
    const toggle = () => (film.paused ? film.play().catch(() => {}) : film.pause());
    const by = (seconds) => jump(Math.min(Math.max(film.currentTime + seconds, 0), film.duration || 0));
    const actions = {
      n: () => step(1),
      p: () => step(-1),
      m: mark,
      ".": like,
      ...(film && {
        k: toggle,
        j: () => by(-10),
        l: () => by(10),
        ArrowLeft: () => by(-5),
        ArrowRight: () => by(5),
        ...(!onControl && { " ": toggle }),
      }),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  };
}
