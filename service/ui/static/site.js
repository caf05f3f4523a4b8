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

function listen(live) {
  const stream = new EventSource(live.dataset.live);
  const sign = document.getElementById("connection");
  const tell = (words) => sign && (sign.textContent = words);
  let wasLost = false;
  stream.addEventListener("open", () => {
    tell("live");
    if (wasLost) refresh();
    wasLost = false;
  });
  stream.addEventListener("error", () => {
    wasLost = true;
    tell(stream.readyState === EventSource.CLOSED ? "" : "reconnecting …");
    if (stream.readyState === EventSource.CLOSED) refresh(); // it ended: one last look
  });
  for (const kind of live.dataset.kinds.split(" ")) stream.addEventListener(kind, () => refresh());
  const tellCharts = () => document.dispatchEvent(new CustomEvent("glideslope:refresh"));
  for (const kind of live.dataset.beats?.split(" ") ?? []) stream.addEventListener(kind, tellCharts);
  addEventListener("pagehide", () => stream.close());
}

document.querySelectorAll("[data-live]").forEach(listen);
