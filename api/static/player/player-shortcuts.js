// Keyboard shortcuts of the player.

import { goTo } from "./player-store.js";

const CONTROLS = "button, a, input, select, summary";

/** Create a keydown listener. `media` is a ref to a video, audio or image element; an image has no playback shortcuts. */
export function createShortcutListener({ media, seek, toggleRegion, searchMoment, isSelecting }) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || isSelecting) return;
    const playable = media.current?.play ? media.current : null;
    const isOnControl = event.target.matches(CONTROLS); // there, Space presses the control
    const togglePlayback = () => (playable.paused ? playable.play().catch(() => {}) : playable.pause());
    const skip = (seconds) => seek(Math.min(Math.max(playable.currentTime + seconds, 0), playable.duration || 0));
    const actions = {
      n: () => goTo(1),
      p: () => goTo(-1),
      m: toggleRegion,
      ".": searchMoment,
      ...(playable && {
        k: togglePlayback,
        j: () => skip(-10),
        l: () => skip(10),
        ArrowLeft: () => skip(-5),
        ArrowRight: () => skip(5),
        ...(!isOnControl && { " ": togglePlayback }),
      }),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  };
}
