// Runs before the first paint, so that a chosen theme does not flash. Classic script: modules come later.
(() => {
  try {
    const theme = localStorage.getItem("mm.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be shut off; the system's theme holds.
  }
})();
