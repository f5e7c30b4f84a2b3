// The button that ends the browser's session. A service without keys has no sessions, and no button.

import * as service from "../service.js";
import { toast } from "../state/say.js";
import { createStore } from "../store.js";
import { html } from "../vendor/preact.js";
import { IconButton } from "./icon.js";

const session = createStore({ name: null });

service.session().then(({ name, expires_at }) => session.set({ name: expires_at === null ? null : name }), () => {});

export function SignOut() {
  const name = session.use((state) => state.name);
  if (name === null) return null;
  return html`<${IconButton} id="sign-out" name="leave" label=${`Sign out (key ${name})`} onClick=${leave} />`;
}

async function leave() {
  try {
    await service.signOut();
    location.replace("/");
  } catch (error) {
    toast(`You are still signed in. ${error.message}`);
  }
}
