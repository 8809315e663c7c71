// Making elements. Text goes through textContent only: whatever a server calls itself stays text.

/** An element: `h("p.vi-note", {title: "…"}, "text", child)`; false and null children are left out. */
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** Set text only where it changed, so that a tick touches what it must. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute only where it changed; null takes it away. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) { if (element.hasAttribute(name)) element.removeAttribute(name); }
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Give an element these children in this order. One that has its place is not touched; and what has the focus or is
 * pressed never moves, the others go around it: whatever is taken out, even for a moment, loses focus, cursor and click.
 */
export function place(element, children) {
  for (const child of [...element.childNodes]) if (!children.includes(child)) child.remove();
  const held = children.findIndex((child) => child.parentNode === element && child.matches(":focus-within, :active"));
  for (let index = held - 1; index >= 0; index -= 1) if (children[index + 1].previousSibling !== children[index]) children[index + 1].before(children[index]);
  for (let index = held + 1; index < children.length; index += 1) {
    const next = index ? children[index - 1].nextSibling : element.firstChild;
    if (next !== children[index]) element.insertBefore(children[index], next);
  }
}

const SHAPES = {
  good: '<circle cx="5" cy="5" r="4.5"/>',
  watch: '<rect x="0.8" y="0.8" width="8.4" height="8.4" rx="1"/>',
  bad: '<path d="M5 0.4 9.8 9.4H0.2Z"/>',
  off: '<circle cx="5" cy="5" r="3.9" fill="none" stroke="currentColor" stroke-width="1.2"/>',
  unknown: '<circle cx="5" cy="5" r="3.9" fill="none" stroke="currentColor" stroke-width="1.2" stroke-dasharray="1.6 1.6"/>',
};

/** The shape of a state: never colour alone. Our own constants, the only markup that is ever parsed. */
export function shape(tone) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("class", "vi-shape");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = SHAPES[tone] ?? SHAPES.unknown;
  return svg;
}

/** Shape and words of a state, in its tone. */
export function state(tone, words, hint = null) {
  return h("span.vi-state", { "data-tone": tone, title: hint }, shape(tone), h("span", {}, words));
}

/** The value of a CSS variable at an element. */
export const themed = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
