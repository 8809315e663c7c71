// Styles of a part of the dashboard: fetched once, by whichever script needs them first.

import { h } from "./dom.js";

const arriving = [];

/** Take in a style sheet that lies beside the scripts; `base` is the caller's `import.meta.url`. */
export function sheet(name, base) {
  const href = new URL(`./${name}`, base).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  arriving.push(new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href, onload: done, onerror: done }))));
}

/** When all of them are there, or can't be had: nothing is drawn before, and jumps as it gets its style. */
export const arrived = () => Promise.all(arriving);
