// What every page does: buttons that call the API, notices, signing out, and being live.
//
// A button `data-call="POST /v1/…"` (`data-body`: its JSON, `data-confirm`: what is asked before,
// `data-done`: what is said after, `data-then`: where to go). An element `data-live="/v1/…"` names
// a stream of events: upon one the page is fetched again and every element `data-part="name"` that
// differs is replaced, then charts are told (`glideslope:refresh`); upon `data-beats` only these are.
// Nothing is asked while nothing happens.
import { ask, call, notify } from "./api.js";
import { look } from "./parts.js";

const LEAST_MS = 1000; // between two refreshes
const AGAIN_MS = 5000; // until a stream that was refused is asked for again

document.addEventListener("click", async (event) => {
  if (event.target.closest("#notice button")) document.getElementById("notice").hidden = true;
  const button = event.target.closest("[data-call]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  event.preventDefault();
  const { call: asked, body, confirm: question, done, then } = button.dataset;
  if (question && !(await ask(question, button.textContent.trim()))) return;
  const [method, path] = asked.split(" ");
  button.setAttribute("aria-disabled", "true");
  try {
    await call(method, path, body === undefined ? undefined : JSON.parse(body));
    if (then) return location.assign(then);
    if (done) notify(done);
    await refresh();
  } catch (error) {
    if (error.status === 401) return location.reload(); // the session ended: it leads to the sign-in
    notify(error.message, "bad");
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

let running = null;
let isWanted = false;

// Fetch this page again; one at a time, and whatever is wanted meanwhile makes one more.
export function refresh() {
  if (running) {
    isWanted = true;
    return running;
  }
  running = (async () => {
    do {
      isWanted = false;
      await look();
      await new Promise((resolve) => setTimeout(resolve, LEAST_MS));
    } while (isWanted);
  })()
    .catch(() => undefined) // the stream tells when the server is there again
    .finally(() => (running = null));
  return running;
}

// A browser opens few connections to one server (six), and a stream keeps one: only a page that is
// looked at has one, and catches up when it is looked at again.
function listen(live) {
  const sign = document.getElementById("connection");
  const tell = (words) => sign && (sign.textContent = words);
  const tellCharts = () => document.dispatchEvent(new CustomEvent("glideslope:refresh"));
  let stream = null;
  let again;
  let wasLost = false;

  function open() {
    clearTimeout(again);
    if (stream || document.hidden || !live.dataset.live) return;
    const mine = (stream = new EventSource(live.dataset.live));
    mine.addEventListener("open", () => {
      tell("live");
      if (wasLost) refresh();
      wasLost = false;
    });
    mine.addEventListener("error", async () => {
      wasLost = true;
      if (mine.readyState !== EventSource.CLOSED) return tell("reconnecting …");
      close();
      await refresh(); // it ended, or was refused: the page knows whether more is to come
      if (live.dataset.live) again = setTimeout(open, AGAIN_MS);
    });
    for (const kind of live.dataset.kinds.split(" ")) mine.addEventListener(kind, () => refresh());
    for (const kind of live.dataset.beats?.split(" ") ?? []) mine.addEventListener(kind, tellCharts);
  }

  function close() {
    clearTimeout(again);
    stream?.close();
    stream = null;
    tell("");
  }

  function leave() {
    if (stream) wasLost = true;
    close();
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : open()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", open);
  open();
}

document.querySelectorAll("[data-live]").forEach(listen);
