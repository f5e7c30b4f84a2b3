// Server-sent events as the response to a POST request, which `EventSource` cannot send.

import { NO_RESPONSE, Problem, send } from "./client.js";

/** Send `body` as JSON, or as a form if it is `FormData`, and call `onEvent(name, data)` for each event. Resolves to the data of the
 *  event `done`. Raises a `Problem` for an error, also for an event `error` and for a stream that ends before `done`. */
export async function postEvents(path, body, onEvent, signal) {
  const isForm = body instanceof FormData;
  const headers = { Accept: "text/event-stream", ...(!isForm && { "Content-Type": "application/json" }) };
  const response = await send(path, { method: "POST", headers, body: isForm ? body : JSON.stringify(body), signal });
  for await (const { name, data } of readEvents(response.body)) {
    if (name === "error" || name === "unauthorized") throw new Problem(data, data.status);
    onEvent(name, data);
    if (name === "done") return data;
  }
  throw new Problem({ detail: NO_RESPONSE }, 0);
}

/** The events of a byte stream. An event ends with an empty line; comments and other fields are skipped. */
async function* readEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await readChunk(reader);
      if (done) return;
      const blocks = (buffer + value).replaceAll("\r\n", "\n").split("\n\n");
      buffer = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n");
        const read = (field) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart());
        const data = read("data");
        if (data.length > 0) yield { name: read("event").at(-1) ?? "message", data: JSON.parse(data.join("\n")) };
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // closes the connection, so that the service stops
  }
}

async function readChunk(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: NO_RESPONSE }, 0);
  }
}
