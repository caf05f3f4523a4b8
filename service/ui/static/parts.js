// The parts of a page (`data-part`), exchanged for those of the same address as it is now.
//
// A part is exchanged if the server writes it otherwise than before; what a reader or a script did
// to it meanwhile (a tab that was chosen, details that were opened) is left alone.
"use strict";

const written = new Map([...document.querySelectorAll("[data-part]")].map((one) => [one.dataset.part, one.outerHTML]));

function exchange(fresh) {
  for (const old of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
    if (!next || next.outerHTML === written.get(old.dataset.part)) continue;
    written.set(old.dataset.part, next.outerHTML);
    if (next.isEqualNode(old)) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
    old.replaceWith(document.adoptNode(next));
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

// What there is to follow from here on; nothing any more, once it is over.
function follow(fresh) {
  const live = document.querySelector("[data-live]");
  const next = fresh.querySelector("[data-live]");
  if (live && next) live.dataset.live = next.dataset.live;
  else live?.removeAttribute("data-live");
}

// Fetch the page anew and exchange what differs; what it answers too late, for another address, is
// not looked at. Charts and scripts of the page are told (`glideslope:refresh`).
export async function look(signal) {
  const asked = location.href;
  const answer = await fetch(asked, { headers: { Accept: "text/html" }, signal });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") return location.reload();
  const text = await answer.text();
  if (location.href !== asked) return;
  if (answer.status === 404) return location.reload(); // what the page is about was deleted
  if (answer.ok) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    exchange(fresh);
    follow(fresh);
  }
  document.dispatchEvent(new CustomEvent("glideslope:refresh"));
}
