// Crop the pixels of an image or video element.

const MAX_SIDE_PX = 1024; // of a query image; the encoders use fewer pixels
const JPEG_QUALITY = 0.92;

const getNaturalSize = (element) => ({ width: element.videoWidth ?? element.naturalWidth, height: element.videoHeight ?? element.naturalHeight });

/** Where `object-fit: contain` shows the pixels of an element: {x, y, width, height} in px, relative to `parent`. */
export function getContentBox(element, parent) {
  const size = getNaturalSize(element);
  const [box, frame] = [element.getBoundingClientRect(), parent.getBoundingClientRect()];
  if (!size.width || !size.height) return { x: box.left - frame.left, y: box.top - frame.top, width: box.width, height: box.height };
  const scale = Math.min(box.width / size.width, box.height / size.height);
  const [width, height] = [size.width * scale, size.height * scale];
  return { x: box.left - frame.left + (box.width - width) / 2, y: box.top - frame.top + (box.height - height) / 2, width, height };
}

/** Crop `box`, in fractions of width and height, to a JPEG file. */
export async function cropImage(element, box, name) {
  const size = getNaturalSize(element);
  const [width, height] = [box.width * size.width, box.height * size.height];
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const context = canvas.getContext("2d");
  context.drawImage(element, box.x * size.width, box.y * size.height, width, height, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  if (blob === null) throw new Error("The frame is not loaded. Wait until it is shown.");
  return new File([blob], `${name}.jpg`, { type: "image/jpeg" });
}
