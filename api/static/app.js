// Puts the page together.

import { installKeys } from "./keys.js";
import { connection, isTemporary, retryLater } from "./retry.js";
import { installRoute } from "./route.js";
import { changed, loadTags } from "./state/library.js";
import { question } from "./state/question.js";
import { toast } from "./state/say.js";
import { resume } from "./state/uploads.js";
import { Answer } from "./ui/answer.js";
import { Drop } from "./ui/drop.js";
import { Filters } from "./ui/filters.js";
import { Header } from "./ui/header.js";
import { Help } from "./ui/help.js";
import { Library } from "./ui/library.js";
import { Player } from "./ui/player.js";
import { Toasts } from "./ui/toasts.js";
import { Tray } from "./ui/tray.js";
import { html, render } from "./vendor/preact.js";

function Page() {
  const open = question.use((state) => state.open);
  return html`
    <${Header} />
    <main>
      <${Filters} />
      ${open ? html`<${Answer} />` : html`<${Library} />`}
    </main>
    <${Tray} />
    <${Player} />
    <${Help} />
    <${Drop} />
    <${Toasts} />`;
}

render(html`<${Page} />`, document.getElementById("app"));
installKeys();
installRoute();
loadTags();
connection.watch(() => { if (connection.get().answers) changed(); });
begin();

function begin() {
  resume().catch((problem) => {
    if (isTemporary(problem)) retryLater("work", begin);
    else toast(problem.message);
  });
}
