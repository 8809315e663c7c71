// Styles of a part of the dashboard: fetched once, by whichever script needs them first.

import { h } from "./dom.js";

/** Take in a style sheet that lies beside the scripts; `base` is the caller's `import.meta.url`. */
export function sheet(name, base) {
  const href = new URL(`./${name}`, base).href;
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(h("link", { rel: "stylesheet", href }));
}
