// Making elements of a drawing.

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing: `s("rect", { x: 1 }, child)`; an attribute of null is left out. */
export function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
