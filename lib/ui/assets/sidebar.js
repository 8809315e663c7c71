// The servers in the sidebar: a shape for the state, the name, and a real link to its RCA / Cache page.

import { h, mark, shape } from "./dom.js";
import { listen } from "./stream.js";

export class Sidebar {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.list = h("ul.vi-servers");
    this.root.replaceChildren(h("nav", { "aria-label": "Servers" }, h("h2.vi-section", {}, "Servers"), this.list));
    this.show(page.data.servers);
    this.stop = listen((servers) => this.show(servers));
  }

  update(data) { this.show(this.servers ?? data.servers, data); }

  show(servers, data = this.page.data) {
    this.servers = servers;
    const key = JSON.stringify([servers, data.current, data.query]);
    if (key === this.shown) return;
    this.shown = key;
    this.list.replaceChildren(...servers.map((server) => this.item(server, data)));
  }

  item({ name, tone, words, simulated }, data) {
    const href = `${data.target}?server=${encodeURIComponent(name)}&${data.query}`;
    const link = h("a", { href, title: `${name}: ${words}`, "data-tone": tone, "aria-current": name === data.current ? "true" : null },
      shape(tone), h("span", {}, name), tone === "good" ? "" : h("span.vi-quiet", {}, ` · ${words}`),
      h("span.vi-hidden", {}, `, ${words}${simulated ? ", demo" : ""}`));
    link.onclick = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.page.send("open", name);
    };
    mark(link, "data-simulated", simulated ? "true" : null);
    return h("li", {}, link);
  }

  destroy() { this.stop(); }
}
