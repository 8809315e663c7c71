// A server's state in words: what it is called, since when, the evidence, and what to do.

import { h, put } from "./dom.js";
import { clock, span } from "./figures.js";

/** Who a server is, in a line: name, model, release. */
export function identity({ name, model, version, simulated, url }) {
  const parts = [model, version && `vLLM ${version}`].filter(Boolean).join(" · ");
  return [h("b", {}, name), parts ? `· ${parts}` : "", simulated ? h("span.vi-demo", { title: `A simulated server at ${url}` }, "demo · simulated") : ""];
}

/** For how long a state has lasted; nothing for a good one, which comes and goes with each request. */
export function lasting({ tone, since }) {
  return tone === "good" ? null : h("span.vi-quiet", { "data-since": since });
}

/** A state that is more than a word: `name` says whose it is where there are several. */
export function trouble({ tone, words, since, text, remedy }, name = "", ...more) {
  return h("section.vi-finding", { "data-tone": tone }, h("h2", {}, name ? `${name}: ${words}` : words),
    h("p", {}, h("span", { "data-began": since }), " ", text),
    remedy ? h("p.vi-quiet", {}, "What to do: ", ...flagged(remedy)) : null, ...more);
}

/** Flags and names of settings in a sentence in mono. */
export function flagged(sentence) {
  return sentence.split(/((?:--[a-z][\w-]*(?:[ =](?!or |and |up|to )[\w./]+)?)|[A-Z]+(?:_[A-Z0-9]+)+(?:=\w+)?)/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/** Since when, and for how long by now (s since 1970, the server's clock). */
export function age(element, now) {
  for (const one of element.querySelectorAll("[data-since]")) put(one, ` for ${span(now - one.dataset.since)}`);
  for (const one of element.querySelectorAll("[data-began]")) put(one, `Since ${clock(Number(one.dataset.began))} (${span(now - one.dataset.began)}).`);
}
