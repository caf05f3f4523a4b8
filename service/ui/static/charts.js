// Draws the charts of a page, again whenever their data or the theme change.
//
// A figure `data-chart="name"` takes its chart from the page's own data, from the address in
// `data-src` (once it comes near the window, and again on `glideslope:refresh` at the document), or
// from a script that hands it one (`glideslope:chart` at the figure). Afterwards it says so
// (`glideslope:drawn`).
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const theme = matchMedia("(prefers-color-scheme: dark)");
const NEAR = "300px";
const REST = 5; // times as long as a chart took to come
const options = {
  // plotly.js offers to upload a chart unless told otherwise; nothing may leave this page.
  showSendToCloud: false,
  plotlyServerURL: "",
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
};
const drawings = new Map();
// Charts are asked for meanwhile.
const library =
  window.Plotly ?? new Promise((resolve) => document.getElementById("plotly").addEventListener("load", resolve));
let isPrinting = false;

const isDark = () => !isPrinting && (root.dataset.theme ? root.dataset.theme === "dark" : theme.matches);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function merged(base, patch) {
  const both = { ...base };
  for (const [name, value] of Object.entries(patch)) {
    both[name] = isObject(value) && isObject(base[name]) ? merged(base[name], value) : value;
  }
  return both;
}

// Every colour in the data is a light one; the page knows the dark one for each.
function themed(value) {
  const swap = (_, found) => (typeof found === "string" && page.dark[found]) || found;
  return JSON.parse(JSON.stringify(value), isDark() ? swap : undefined);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function swatch(key) {
  if (!key.outline) {
    const marks = ["swatch", key.is_winner && "winner", key.is_dashed && "dashed"];
    const line = element("i", { class: marks.filter(Boolean).join(" ") });
    line.style.setProperty("--color", `var(--${key.token})`);
    return line;
  }
  // Parsed, so that it is an image without the address of a namespace.
  const box = document.createElement("template");
  box.innerHTML = '<svg class="mark" viewBox="0 0 10 10" aria-hidden="true"><path/></svg>';
  const mark = box.content.firstChild;
  mark.style.setProperty("--color", `var(--${key.token})`);
  mark.firstChild.setAttribute("d", key.outline);
  return mark;
}

function legend(drawing) {
  const list = element("ul", { class: "legend" });
  for (const key of drawing.chart.keys) {
    const button = element("button", { type: "button", "aria-pressed": !drawing.hidden.has(key.group) });
    button.append(swatch(key), key.label);
    button.addEventListener("click", () => {
      if (!drawing.hidden.delete(key.group)) drawing.hidden.add(key.group);
      button.setAttribute("aria-pressed", !drawing.hidden.has(key.group));
      draw(drawing);
    });
    list.append(element("li", {}, button));
  }
  return list;
}

function views(drawing) {
  const group = element("div", { class: "views", role: "group", "aria-label": "view" });
  drawing.chart.views.forEach((view, at) => {
    const button = element("button", { type: "button", "aria-pressed": at === drawing.view }, view.name);
    button.addEventListener("click", () => {
      drawing.view = at;
      for (const one of group.children) one.setAttribute("aria-pressed", one === button);
      draw(drawing);
    });
    group.append(button);
  });
  return group;
}

// What stands around the plot; made anew only if it is another one, so that focus stays.
function dress(drawing) {
  const { figure, chart } = drawing;
  const clothes = JSON.stringify([chart.keys, chart.views.map((view) => view.name)]);
  if (drawing.clothes !== clothes) {
    drawing.clothes = clothes;
    if (drawing.view >= chart.views.length) drawing.view = 0;
    const controls = element("div", { class: "controls" }, legend(drawing));
    if (chart.views.length > 1) controls.append(views(drawing));
    figure.querySelector(".controls").replaceWith(controls);
  }
  figure.querySelector("figcaption").textContent = chart.caption;
  const plot = figure.querySelector(".plot");
  plot.style.minHeight = `${chart.layout.height}px`;
  plot.setAttribute("role", "group"); // not "img": the buttons of the plot are inside
  plot.setAttribute("aria-label", `${chart.title}: ${chart.caption}`);
}

async function draw(drawing, width) {
  if (!window.Plotly) await library;
  const { chart, figure, hidden } = drawing;
  const view = chart.views[drawing.view] || { layout: {}, data: [] };
  const data = chart.data.map((trace, at) => {
    const patched = merged(trace, view.data[at] || {});
    return hidden.has(trace.legendgroup) ? { ...patched, visible: false } : patched;
  });
  const kept = { uirevision: `${figure.dataset.chart} ${drawing.view}` }; // a zoom outlives new data
  const sized = width ? { width, autosize: false } : {};
  const layout = merged(merged({ ...kept, ...chart.layout }, view.layout), sized);
  const plot = figure.querySelector(".plot");
  await Plotly.react(plot, themed(data), themed(layout), options);
  // Heard, the texts of a drawing are noise; its label and caption say what is to be seen.
  for (const drawn of plot.querySelectorAll("svg.main-svg")) drawn.setAttribute("aria-hidden", "true");
  figure.dispatchEvent(new CustomEvent("glideslope:drawn"));
}

function show(drawing, chart) {
  const { figure } = drawing;
  const empty = figure.querySelector(".empty");
  empty.hidden = !chart.empty;
  for (const part of figure.querySelectorAll(".controls, .plot, figcaption")) part.hidden = Boolean(chart.empty);
  figure.classList.toggle("bare", Boolean(chart.empty));
  drawing.chart = chart.empty ? null : chart;
  if (chart.empty) {
    empty.textContent = chart.empty;
    figure.dispatchEvent(new CustomEvent("glideslope:drawn"));
    return;
  }
  dress(drawing);
  draw(drawing);
}

// One at a time; what is wanted meanwhile makes one more, after a rest in proportion to what it
// took, so that a study of thousands of trials does not keep its server busy with charts.
async function load(drawing) {
  if (drawing.isLoading) {
    drawing.isWanted = true;
    return;
  }
  drawing.isLoading = true;
  drawing.isWanted = false;
  const begin = performance.now();
  try {
    const answer = await fetch(drawing.figure.dataset.src, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const text = await answer.text();
    if (text !== drawing.text) show(drawing, JSON.parse(text));
    drawing.text = text;
  } catch (error) {
    // A chart that was drawn stays; one that never was says why.
    if (!drawing.chart) show(drawing, { empty: `The chart could not be loaded (${error.message}).` });
  }
  await new Promise((resolve) => setTimeout(resolve, REST * (performance.now() - begin)));
  drawing.isLoading = false;
  if (drawing.isWanted && drawing.figure.isConnected) load(drawing);
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const drawing = drawings.get(target);
      drawing.isNear = isIntersecting;
      if (isIntersecting && drawing.isStale) {
        drawing.isStale = false;
        load(drawing);
      }
    }
  },
  { rootMargin: NEAR },
);

function adopt(figure) {
  const drawing = { figure, chart: null, view: 0, hidden: new Set(), isNear: false, isStale: true };
  drawings.set(figure, drawing);
  figure.addEventListener("glideslope:chart", (event) => show(drawing, event.detail));
  if (figure.dataset.src) watcher.observe(figure);
  else if (page.charts?.[figure.dataset.chart]) show(drawing, page.charts[figure.dataset.chart]);
}

function refresh() {
  for (const figure of drawings.keys()) {
    if (!figure.isConnected) {
      watcher.unobserve(figure);
      drawings.delete(figure);
    }
  }
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const drawing = drawings.get(figure);
    if (!drawing) adopt(figure);
    else if (figure.dataset.src) {
      drawing.isStale = !drawing.isNear;
      if (drawing.isNear) load(drawing);
    }
  }
}

function drawAll(width) {
  for (const drawing of drawings.values()) if (drawing.chart) draw(drawing, width);
}

function print(isStarting) {
  isPrinting = isStarting;
  drawAll(isStarting ? 660 : undefined);
}

theme.addEventListener("change", () => drawAll());
new MutationObserver(() => drawAll()).observe(root, { attributeFilter: ["data-theme"] });
document.addEventListener("glideslope:refresh", refresh);
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
refresh();
