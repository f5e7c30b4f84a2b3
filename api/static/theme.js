// Apply the stored theme before the first paint. A classic script, because modules run later.
(() => {
  try {
    const theme = localStorage.getItem("mm.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is disabled; the theme of the system applies.
  }
})();
