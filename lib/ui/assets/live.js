// What the inline loader of a component (lib/ui/live.py) imports: `mount(root, page)` puts a view into its element.
// `page` has `data` as the script sent it last, and `send(event, value)` to tell the script.

import { Alike } from "./alike.js";
import { Chat } from "./chat.js";
import { themed } from "./dom.js";
import { Exposure, Routes, Sendings, Tried } from "./explorer.js";
import { Facts } from "./facts.js";
import { Health } from "./health.js";
import { Lanes } from "./lanes.js";
import { Models } from "./models.js";
import { Overview } from "./overview.js";
import { Ratios } from "./ratios.js";
import { Rca } from "./rca.js";
import { arrived } from "./sheet.js";
import { Sidebar } from "./sidebar.js";
import { LogHead, Milestones, Said } from "./startlog.js";
import { Table } from "./table.js";
import { Tokens } from "./tokens.js";
import { Ranks, Summary, Vectors } from "./vectors.js";

const VIEWS = { alike: Alike, chat: Chat, exposure: Exposure, facts: Facts, health: Health, lanes: Lanes, loghead: LogHead, milestones: Milestones, models: Models, overview: Overview, ranks: Ranks, ratios: Ratios, rca: Rca, routes: Routes, said: Said, sendings: Sendings, sidebar: Sidebar, summary: Summary, table: Table, tokens: Tokens, tried: Tried, vectors: Vectors };

/** The sidebar is drawn first; a page that has no view of its own shows so much later. */
const WITHOUT_VIEW_MS = 3000;

await arrived();

export function mount(root, page) {
  colour(root);
  const view = new VIEWS[page.data.view](root, page);
  setTimeout(shown, root.closest("[data-testid=stSidebar]") ? WITHOUT_VIEW_MS : 0);
  return {
    update(data) { colour(root); view.update(data); },
    destroy() { view.destroy(); },
  };
}

/** What stands under a view shows with it (shell.css). */
function shown() {
  document.documentElement.dataset.viDrawn = "";
}

/** Single series colours out of the theme's list, and what shell.css needs outside of any component. */
function colour(root) {
  themed(root, "--st-chart-categorical-colors").split(",").forEach((value, index) => root.style.setProperty(`--vi-s${index}`, value.trim()));
  if (root.closest("[data-testid=stSidebar]")) return;
  for (const name of ["--st-primary-color", "--st-background-color"]) document.documentElement.style.setProperty(name.replace("--st-", "--vi-page-"), themed(root, name));
}
