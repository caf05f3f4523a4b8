// The form of a new study: a view of a request, which the service checks as it is typed.
//
// The request is the truth. A control changes what stands at its pointer; JSON that is edited by
// hand, another study and the way back are written into the controls. Every answer of the service
// belongs to the latest request: an older question is called off.
import { call } from "./api.js";
import { pace, showEstimate, showProblems, validate } from "./new_study-check.js";
import { KINDS, Unreadable, showDefault, usualOf } from "./new_study-controls.js";
import { showPreview } from "./new_study-preview.js";
import { get, isObject, parse, put, rows, verbatim } from "./new_study-request.js";
import { listen, rowKinds } from "./new_study-rows.js";
import { decode, parse as exactly, stringify } from "./workbench-json.js";

const QUIET_MS = 350; // without a key, before the service is asked
const LONGEST = 128; // name of an objective
const $ = (id) => document.getElementById(id);
const { offer } = JSON.parse($("form-data").textContent);
const started = begun();
const form = $("new-study");
const kinds = { ...KINDS, ...rowKinds(offer.bounded) };
const unreadable = new Map(); // by pointer: what cannot be sent at all
const configs = new Map(); // settings by objective, for whoever comes back to one
let request = history.state?.request ?? started;
let earlier = { objective: undefined, secondsPerUpdate: undefined };
let key = newKey();
let isSending = false;

// What the form begins with; schedules that the workbench sends come in the address.
function begun() {
  const { request: asked } = exactly($("form-data").textContent);
  const told = parse(stringify(asked));
  const sent = new URLSearchParams(location.hash.slice(1)).get("candidates");
  try {
    return sent ? { ...told, candidates: verbatim(exactly(decode(sent))) } : told;
  } catch {
    return told; // no address of the workbench's
  }
}

function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const isKnown = (name) => name !== undefined && Object.hasOwn(offer.objectives, name);
const isExternal = () => form.querySelector("[data-external]").checked;
const holders = () => [...form.querySelectorAll("[data-pointer]")].filter((one) => !one.closest("[data-objective][hidden]"));
const holderAt = (pointer) => holders().find((one) => one.dataset.pointer === pointer);
const write = (holder) => kinds[holder.dataset.kind].write(holder, get(request, holder.dataset.pointer));

// Calls `work` once nothing was asked for a while, with a signal that calls it off when it is asked again;
// `onError` hears what went wrong with the latest.
function settled(work, onError = () => undefined) {
  let timer;
  let running;
  return () => {
    clearTimeout(timer);
    running?.abort();
    timer = setTimeout(() => {
      running = new AbortController();
      work(running.signal).catch((error) => {
        if (error.name !== "AbortError") onError(error);
      });
    }, QUIET_MS);
  };
}

const check = settled(async (signal) => {
  const mine = [...unreadable].map(([pointer, detail]) => ({ pointer, detail }));
  if (request.objective === undefined) return showProblems(form, holders(), mine);
  let problems = [];
  let detail = "";
  let spec = {};
  try {
    const told = await validate(request, signal);
    spec = told.spec;
    showEstimate(told, earlier.secondsPerUpdate);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    problems = error.problem?.errors ?? [];
    detail = error.message;
  }
  showProblems(form, holders(), [...mine, ...problems], detail);
  showDefaults(spec);
});

// What the service took where nothing was said.
function showDefaults(spec) {
  for (const holder of holders()) {
    const { pointer } = holder.dataset;
    if (get(request, pointer) === undefined) showDefault(holder, get(spec, pointer));
  }
  const peak = get(spec, "/space/parameters/peak");
  if (!peak || get(request, "/space/peak") !== undefined) return;
  const ends = holderAt("/space/peak").querySelectorAll("input");
  [ends[0].placeholder, ends[1].placeholder] = [peak.low, peak.high];
}

const lines = ["curl", "command", "program"];
const spell = settled(
  async (signal) => {
    const told = await call("POST", "/studies/new/lines", request, { signal, stringify: rows });
    for (const name of lines) $(`line-${name}`).textContent = told[name];
  },
  (error) => lines.forEach((name) => ($(`line-${name}`).textContent = error.message)),
);

const draw = settled(
  async (signal) => showPreview(await call("POST", "/studies/new/preview", request, { signal, stringify: rows })),
  (error) => showPreview({ chart: { empty: error.message }, pictures: {}, missing: [] }),
);
let drawn = "";
let dressedFor;

const look = settled(async (signal) => {
  const objective = request.objective;
  const { items } = await call("GET", `/v1/studies?limit=50&objective=${encodeURIComponent(objective)}`, undefined, { signal });
  earlier = { objective, secondsPerUpdate: pace(items) };
  offerEarlier(items);
  check();
});

function offerEarlier(studies) {
  const holder = $("warm-start");
  const named = get(request, "/warm_start");
  const others = (Array.isArray(named) ? named : []).filter((id) => !studies.some((one) => one.id === id));
  const boxes = [...studies, ...others.map((id) => ({ id: String(id), label: "", state: "not of the latest" }))].map((one) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: one.id });
    const words = document.createElement("span");
    const note = document.createElement("small");
    note.textContent = `${one.id}, ${one.state}`;
    words.append(one.label || one.id, note);
    label.className = "chip";
    label.append(box, words);
    return label;
  });
  holder.querySelector(".earlier").replaceChildren(...boxes);
  holder.querySelector(".empty").hidden = boxes.length > 0;
  kinds.set.write(holder, named);
}

// What follows from the request beside the controls themselves.
function dress() {
  const { objective } = request;
  for (const part of form.querySelectorAll("[data-objective]")) {
    part.hidden = part.dataset.objective !== (isExternal() ? "" : (objective ?? "\n"));
  }
  const usual = isKnown(objective) ? offer.objectives[objective] : undefined;
  if (objective !== dressedFor) {
    const ends = holderAt("/space/peak").querySelectorAll("input");
    ends.forEach((end, at) => (end.placeholder = usual?.peak[at] ?? ""));
    $("horizon").dataset.words = usual?.horizon ?? "the objective's";
    $("rungs").dataset.words = usual?.rungs ?? "the objective's";
    dressedFor = objective;
  }
  const families = $("families");
  families.dataset.usual = JSON.stringify(Object.hasOwn(offer.usual, request.sampler) ? offer.usual[request.sampler] : offer.usual.curve);
  if (get(request, "/space/families") === undefined) write(families);
  const told = get(request, "/space/families");
  const chosen = Array.isArray(told) ? told : usualOf(families);
  $("families-count").textContent = `${chosen.length} chosen${told === undefined ? ", as recommended" : ""}`;
  const used = new Set(chosen.flatMap((name) => (Object.hasOwn(offer.tunable, name) ? offer.tunable[name] : [])));
  for (const row of form.querySelectorAll("[data-coordinate]")) {
    const name = row.dataset.coordinate;
    const isSaid = get(request, `/space/ranges/${name}`) !== undefined || get(request, `/space/fixed/${name}`) !== undefined;
    row.hidden = !used.has(name) && !isSaid;
  }
  for (const part of form.querySelectorAll("details.more")) {
    const said = holders().filter((one) => part.contains(one) && get(request, one.dataset.pointer) !== undefined).length;
    part.querySelector("summary").dataset.said = said ? `${said} set` : "";
  }
  $("start-over").hidden = JSON.stringify(request) === JSON.stringify(started);
}

// Takes another request as the truth; `from` is the element that it comes from, and is not written.
function update(next, from) {
  request = next;
  if (from !== $("json")) {
    $("json").value = rows(request);
    showJsonProblem("");
  }
  dress();
  history.replaceState({ ...history.state, request }, "");
  check();
  spell();
  const pictured = JSON.stringify(["objective", "config", "external", "horizon", "space", "sampler", "baselines"].map((name) => request[name]));
  if (pictured !== drawn) draw();
  drawn = pictured;
  const { objective } = request;
  if (typeof objective === "string" && objective.length <= LONGEST && objective !== earlier.objective) look();
}

// Writes a whole request into the controls.
function fill(next, from) {
  unreadable.clear();
  request = next;
  kinds.objective.write($("objective"), request.objective);
  dress();
  for (const holder of holders()) if (holder !== $("objective")) write(holder);
  update(next, from);
}

function take(holder) {
  const { pointer, kind } = holder.dataset;
  unreadable.delete(pointer);
  try {
    const value = kinds[kind].read(holder, get(request, pointer));
    if (kind === "objective") choose(value);
    else update(put(request, pointer, value), holder);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    unreadable.set(pointer, error.message);
    check();
  }
}

// Another objective has settings, a declaration and earlier studies of its own.
function choose(name) {
  const before = isKnown(request.objective) ? request.objective : "";
  const after = isKnown(name) ? name : "";
  if (before === after) return update(put(request, "/objective", name), $("objective"));
  configs.set(before, [request.config, request.external]);
  const [config, external] = configs.get(after) ?? [];
  let next = name === undefined ? put(request, "/objective") : { ...request, objective: name };
  for (const [at, value] of [["/config", config], ["/external", external], ["/warm_start"]]) next = put(next, at, value);
  request = next;
  dress();
  for (const holder of holders()) if (/^\/(config|external|warm_start)/.test(holder.dataset.pointer)) write(holder);
  update(next, $("objective"));
}

function showJsonProblem(words) {
  $("json-problem").hidden = !words;
  $("json-problem").textContent = words;
  if (words) $("json").setAttribute("aria-invalid", "true");
  else $("json").removeAttribute("aria-invalid");
}

function takeJson() {
  try {
    const told = parse($("json").value);
    if (!isObject(told)) return showJsonProblem("A request is a JSON object.");
    showJsonProblem("");
    fill(told, $("json"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    showJsonProblem(`This is not JSON: ${error.message}`);
  }
}

async function send() {
  const isWrong = unreadable.size > 0 || !$("json-problem").hidden;
  if (isSending || isWrong || request.objective === undefined) {
    if (request.objective === undefined) showProblems(form, holders(), [{ pointer: "/objective", detail: "Choose what to train" }]);
    return isSending ? undefined : $("problems").focus();
  }
  isSending = true;
  $("create").setAttribute("aria-disabled", "true");
  try {
    const study = await call("POST", "/v1/studies", request, { headers: { "Idempotency-Key": key }, stringify: rows });
    location.assign(`/studies/${encodeURIComponent(study.id)}`);
  } catch (error) {
    isSending = false;
    $("create").removeAttribute("aria-disabled");
    showProblems(form, holders(), error.problem?.errors ?? [], error.message);
    $("problems").focus();
  }
}

form.addEventListener("input", (event) => {
  if (event.target.id === "json") return takeJson();
  const holder = event.target.closest("[data-pointer]");
  if (holder) take(holder);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  // Enter alone creates nothing by accident; with Ctrl it does wherever one is.
  if (event.ctrlKey || event.metaKey) form.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.target.matches("input")) event.preventDefault();
});
form.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-choose]")?.dataset.choose;
  if (!choice) return;
  const holder = event.target.closest("[data-pointer]");
  const all = [...holder.querySelectorAll("input")].map((box) => box.value);
  update(put(request, holder.dataset.pointer, { usual: undefined, all, none: [] }[choice]));
  write(holder);
});
listen(form, kinds, take);
$("external-example").addEventListener("click", () => fill({ objective: "my_training", ...request, external: offer.example }));
$("start-over").addEventListener("click", () => fill(started));
$("json").addEventListener("change", () => $("json-problem").hidden && ($("json").value = rows(request)));
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  [key, isSending] = [newKey(), false]; // back from the study that was made: another one is a new one
  $("create").removeAttribute("aria-disabled");
});
fill(request);
