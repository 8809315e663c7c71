// A button that puts a text into the clipboard.

import { h, mark, put } from "./dom.js";

const SHOWN_MS = 1500;

/** `text` is what to copy, or a function that gives it; `what` says it to people. */
export function copyButton(text, what) {
  const words = h("span.vi-hidden", { role: "status" });
  const icon = h("span.vi-icon", { "aria-hidden": "true" }, "content_copy");
  const button = h("button.vi-copy", { type: "button", title: `Copy ${what}`, "aria-label": `Copy ${what}` }, icon);
  let timer;
  const say = (sign, told) => {
    put(icon, sign);
    put(words, told);
    mark(button, "data-done", told ? "true" : null);
  };
  button.onclick = async () => {
    const done = await copied(typeof text === "function" ? text() : text);
    say(done ? "check" : "error", done ? "Copied" : "The browser did not allow it");
    clearTimeout(timer);
    timer = setTimeout(() => say("content_copy", ""), SHOWN_MS);
  };
  return h("span.vi-copying", {}, button, words);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** Without TLS, on another machine's address, browsers have only the old way. */
function copiedByHand(text) {
  const focused = document.activeElement;
  const area = h("textarea.vi-hidden", { "aria-hidden": "true", tabindex: -1 });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}
