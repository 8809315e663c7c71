// What the inline loader of a component (lib/ui/live.py) imports: `mount(root, page)` puts a view into its element.
// `page` has `data` as the script sent it last, and `send(event, value)` to tell the script.

import { Facts } from "./facts.js";
import { Overview } from "./overview.js";
import { Rca } from "./rca.js";
import { Sidebar } from "./sidebar.js";

const VIEWS = { facts: Facts, overview: Overview, rca: Rca, sidebar: Sidebar };

export function mount(root, page) {
  return new VIEWS[page.data.view](root, page);
}
