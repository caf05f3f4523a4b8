// The page of a study: its menu, dialogs with forms that call the API, code in tabs, filters.
import { call, notify } from "./api.js";
import { refresh } from "./site.js";

// --- The menu: where the reader is.
const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));

function mark() {
  const line = innerHeight * 0.35;
  let current = null;
  for (const [id, link] of links) if (document.getElementById(id).getBoundingClientRect().top <= line) current = link;
  for (const link of links.values()) {
    if (link === (current ?? links.values().next().value)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

let isAsked = false;
addEventListener(
  "scroll",
  () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      mark();
    });
  },
  { passive: true },
);
mark();

// --- Dialogs: a button `data-opens` shows one, `data-closes` in it puts it away.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});

// --- Forms: `data-send` is the call, names with points are members of members.
const KINDS = {
  number: Number,
  pairs: (text) =>
    Object.fromEntries(
      text
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean)
        .map((line) => [line.split("=", 1)[0].trim(), line.slice(line.indexOf("=") + 1 || line.length).trim()]),
    ),
};

function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    const path = field.name.split(".");
    const last = path.pop();
    const place = path.reduce((inner, name) => (inner[name] ??= {}), body);
    place[last] = KINDS[field.dataset.kind]?.(field.value) ?? field.value;
  }
  return body;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-send]");
  if (!form) return;
  event.preventDefault();
  const { send, then, shows } = form.dataset;
  const [method, path] = send.split(" ");
  const problem = form.querySelector(".problem-text");
  const button = form.querySelector("[type=submit]");
  problem.hidden = true;
  button.disabled = true;
  try {
    const answer = await call(method, path, bodyOf(form));
    if (shows) show(document.getElementById(shows), answer.url);
    else if (then) location.assign(then);
    else {
      form.closest("dialog").close();
      await refresh();
    }
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
});

function show(field, path) {
  field.value = new URL(path, location.href).href;
  field.closest(".field").hidden = false;
  field.select();
  navigator.clipboard?.writeText(field.value).then(() => notify("The link is copied."), () => undefined);
}

// --- Filters of the table: a choice sends them.
document.addEventListener("change", (event) => {
  event.target.closest("form[data-sends-itself]")?.requestSubmit();
});

// --- Code of a framework, from the API; the first is on the page already.
const MOST_LINES = 400;

let wanted = null;

async function showCode(box, format, pick) {
  wanted = [format, pick];
  const panel = box.querySelector("[role=tabpanel]");
  const address = `${box.dataset.code}?format=${format}&pick=${pick}`;
  for (const tab of box.querySelectorAll("[role=tab]")) {
    const isShown = tab.dataset.format === format;
    tab.setAttribute("aria-selected", isShown);
    tab.tabIndex = isShown ? 0 : -1;
    if (isShown) panel.setAttribute("aria-labelledby", tab.id);
  }
  for (const one of box.querySelectorAll("[data-pick]")) one.setAttribute("aria-pressed", one.dataset.pick === pick);
  const words = { format, pick, flag: pick === "recommended" ? " --recommended" : "" };
  for (const told of box.querySelectorAll("[data-told]")) told.textContent = words[told.dataset.told];
  const link = box.querySelector(".download");
  link.href = `${address}&table=true`;
  link.download = `schedule.${{ json: "json", csv: "csv" }[format] ?? "py"}`;
  try {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    panel.textContent = await shown(answer, format);
  } catch (error) {
    panel.textContent = `The code could not be loaded: ${error.message}.`;
  }
}

async function shown(answer, format) {
  if (format === "json") return JSON.stringify((await answer.json()).schedule, null, 2);
  const lines = (await answer.text()).trimEnd().split("\n");
  const rest = lines.length - MOST_LINES;
  return rest > 0 ? [...lines.slice(0, MOST_LINES), `… and ${rest} more lines: download it`].join("\n") : lines.join("\n");
}

// The best so far may be another one by now: its code is shown as it was asked for.
document.addEventListener("glideslope:refresh", () => {
  const box = document.querySelector("[data-code]");
  if (box && wanted && chosen(box).join() !== wanted.join()) showCode(box, ...wanted);
});

const chosen = (box) => [
  box.querySelector("[role=tab][aria-selected=true]").dataset.format,
  box.querySelector("[data-pick][aria-pressed=true]")?.dataset.pick ?? "winner",
];

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-code]");
  if (!box) return;
  const [format, pick] = chosen(box);
  const tab = event.target.closest("[role=tab]");
  const other = event.target.closest("[data-pick]");
  if (tab) showCode(box, tab.dataset.format, pick);
  if (other) showCode(box, format, other.dataset.pick);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest("[data-code] [role=tab]");
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!tab || !way) return;
  const tabs = [...tab.parentElement.children];
  const next = tabs[(tabs.indexOf(tab) + way + tabs.length) % tabs.length];
  next.focus();
  next.click();
});
