// A model's Markdown, drawn from the nested data that lib/chat/markdown.py makes: ["tag", {attributes}, children…]. Only the
// tags below are made, with no attribute but those that are read here, so that nothing a model writes can load or run.

import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { sheet } from "./sheet.js";

sheet("answer.css", import.meta.url);

const DEEPEST = 60;
const TAGS = new Set(["p", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "span", "div"]);
/** The page has its own headings above: an answer's stand below them. */
const HEADINGS = { __proto__: null, h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6" };

/** A node for what the script sent; null where it sent nothing. */
export function draw(nested) {
  if (nested === null || nested === undefined) return null;
  const children = nested[0] === "div" ? nested.slice(2) : Array.isArray(nested[0]) ? nested : [nested];
  return h("div.va-prose", { dir: "auto" }, ...children.map((child) => node(child, 0)));
}

function node(data, depth) {
  if (!Array.isArray(data)) return document.createTextNode(typeof data === "string" ? data : "");
  const [name, attributes, ...rest] = data;
  const isMap = attributes !== null && typeof attributes === "object" && !Array.isArray(attributes);
  const children = isMap ? rest : data.slice(1);
  if (depth > DEEPEST) return document.createTextNode(words(children));
  if (name === "pre") return block(children, isMap ? attributes : {});
  const tag = HEADINGS[name] ?? (TAGS.has(name) ? name : "span");
  const element = h(tag, {}, ...children.map((child) => node(child, depth + 1)));
  if (isMap) dress(element, name, attributes);
  if (name !== tag && HEADINGS[name]) element.dataset.level = name[1];
  return tag === "table" ? h("div.vi-scroll", {}, element) : element;
}

/** Attributes that say something and can do nothing. */
function dress(element, name, attributes) {
  if (name === "ol" && Number.isInteger(Number(attributes.start))) element.setAttribute("start", Number(attributes.start));
  const side = `${attributes.align ?? ""} ${attributes.class ?? ""} ${attributes.style ?? ""}`.match(/\b(left|center|right)\b/);
  if ((name === "td" || name === "th") && side) element.dataset.side = side[1];
  if (name === "span" && /^(link|image|url)$/.test(attributes.class ?? "")) element.dataset.kind = attributes.class;
}

/** A block of code, with what language it says it is, and a button to copy it. */
function block(children, attributes) {
  const code = children.find((child) => Array.isArray(child) && child[0] === "code");
  const told = `${attributes.class ?? ""} ${code?.[1]?.class ?? ""}`;
  const language = told.match(/language-([\w+#.-]{1,24})/)?.[1] ?? "";
  const text = words(children);
  return h("div.va-code", {}, h("p.va-code-head", {}, h("span", {}, language), copyButton(text, "this code")), h("pre", { tabindex: 0, dir: "ltr" }, h("code", {}, text)));
}

/** All the text under some data, without recursion: a model may nest as deep as it likes. */
function words(children) {
  const open = [...children].reverse(), parts = [];
  while (open.length) {
    const one = open.pop();
    if (typeof one === "string") parts.push(one);
    else if (Array.isArray(one)) open.push(...one.slice(1).filter((child) => typeof child === "string" || Array.isArray(child)).reverse());
  }
  return parts.join("");
}
