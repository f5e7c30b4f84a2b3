// Elements and the words in them. Text only ever becomes text: names of files are somebody else's input.

export const $ = (id) => document.getElementById(id);

/** h("a", {href: "/"}, "text", child): an element; `on*` properties are listeners, `false` and null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** A thumbnail; where there is none, as of a broken file, the card stays plain. */
export const still = (src) => h("img", { src, alt: "", loading: "lazy", onerror: (event) => event.target.remove() });

/** 83.4 -> "1:23", 3700 -> "1:01:40" */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit++) count /= 1000;
  return `${count.toFixed(count < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export const percent = (fraction) => `${Math.round(100 * fraction)} %`;
