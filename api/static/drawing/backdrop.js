// Images to draw on: {id, url, width, height, name}. `id` changes with the image.

import { contentUrl, thumbnailUrl } from "../service/client.js";

const LONGEST_SIDE_PX = 1280; // of the largest thumbnail

/** An image of the library, or the first frame of a video. */
export const itemBackdrop = (item) => ({
  id: item.id, name: item.name, width: item.width, height: item.height,
  url: item.kind === "video" ? thumbnailUrl(item, 0, LONGEST_SIDE_PX) : contentUrl(item),
});

/** The image of a file or a response, which is not uploaded. Raises an `Error` if the browser cannot show it. */
export function blobBackdrop(blob, name) {
  const url = URL.createObjectURL(blob);
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve({ id: url, url, name, width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => { URL.revokeObjectURL(url); reject(new Error(`The browser cannot show ${name}. Add it to the library and choose it there.`)); };
    image.src = url;
  });
}

/** Free the memory of a backdrop of `blobBackdrop`. */
export const releaseBackdrop = (backdrop) => { if (backdrop?.url.startsWith("blob:")) URL.revokeObjectURL(backdrop.url); };
