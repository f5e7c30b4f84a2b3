// The button that ends the browser session. It is hidden if the service has no API keys and therefore no sessions.

import { IconButton } from "../ui/icon.js";
import { showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { html } from "../vendor/preact.js";
import * as client from "./client.js";

const session = createStore({ keyName: null });

client.getSession().then(({ name, expires_at }) => session.set({ keyName: expires_at === null ? null : name }), () => {});

export function SignOut() {
  const keyName = session.use((state) => state.keyName);
  if (keyName === null) return null;
  return html`<${IconButton} id="sign-out" name="sign-out" label=${`Sign out (key ${keyName})`} onClick=${signOut} />`;
}

async function signOut() {
  try {
    await client.signOut();
    location.replace("/");
  } catch (error) {
    showToast(`You are still signed in. ${error.message}`);
  }
}
