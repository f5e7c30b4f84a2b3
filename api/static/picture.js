// Pixels of a picture or a film's frame.

const LONGEST = 1024; // px of what is asked with; towers read less
const QUALITY = 0.92;

const natural = (element) => ({ width: element.videoWidth ?? element.naturalWidth, height: element.videoHeight ?? element.naturalHeight });

/** Where `object-fit: contain` shows the pixels of an element: {x, y, width, height} in px within `parent`. */
export function contained(element, parent) {
  const size = natural(element);
  const [box, frame] = [element.getBoundingClientRect(), parent.getBoundingClientRect()];
  if (!size.width || !size.height) return { x: box.left - frame.left, y: box.top - frame.top, width: box.width, height: box.height };
  const scale = Math.min(box.width / size.width, box.height / size.height);
  const [width, height] = [size.width * scale, size.height * scale];
  return { x: box.left - frame.left + (box.width - width) / 2, y: box.top - frame.top + (box.height - height) / 2, width, height };
}

/** A part of an element's pixels as a JPEG file; `box` is in shares of width and height. */
export async function cut(element, box, name) {
  const size = natural(element);
  const [width, height] = [box.width * size.width, box.height * size.height];
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const pen = canvas.getContext("2d");
  pen.drawImage(element, box.x * size.width, box.y * size.height, width, height, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (blob === null) throw new Error("The frame is not there yet; wait until it is shown.");
  return new File([blob], `${name}.jpg`, { type: "image/jpeg" });
}
