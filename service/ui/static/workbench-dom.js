// Elements of the workbench's page: made here, and never from text that is read as HTML.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const STROKES = { solid: "", dash: "7 4", dot: "1.5 4", dashdot: "8 4 1.5 4", longdash: "12 4" };

export const find = (id) => document.getElementById(id);

// A tag with attributes (`onclick` and the like: listeners) and children.
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  set(made, attributes);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// The line of a schedule as it is drawn in the chart.
export function lineOf(look) {
  const line = svg("line", { x1: 1, y1: 6, x2: 29, y2: 6, "stroke-width": 3, "stroke-linecap": "round", "stroke-dasharray": STROKES[look.dash] ?? "" });
  line.style.stroke = `var(--${look.token})`;
  return svg("svg", { class: "line", viewBox: "0 0 30 12", "aria-hidden": "true" }, line);
}

// A small drawing by its path in a 20 x 20 box.
export function icon(path) {
  return svg("svg", { class: "glyph", viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: path }));
}

// Numbers as people read them: few digits, no zeros at the end.
export function short(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(Number(value))) return "–";
  const number = Number(value);
  if (Number.isInteger(number) && Math.abs(number) < 1e9) return number.toLocaleString("en-US");
  const text = number.toPrecision(digits);
  const [whole, exponent] = text.split("e");
  const lean = whole.includes(".") ? whole.replace(/\.?0+$/, "") : whole;
  return exponent === undefined ? lean : `${lean}e${Number(exponent)}`;
}
