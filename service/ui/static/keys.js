// A new key: made through the API, shown once. On a server that needed none until now, this browser
// is signed in with it, or its reader would be locked out of the page.
"use strict";

import { call } from "./api.js";
import { mark, tell } from "./fields.js";

const DAY_MS = 86_400_000;

const form = document.getElementById("make");
const button = form.querySelector("button");
const made = document.getElementById("made");
const problem = document.getElementById("problem");
const valueOf = (id) => document.getElementById(id)?.value.trim();

function wish() {
  const days = valueOf("days");
  const project = valueOf("project");
  return {
    label: valueOf("label"),
    scopes: [...form.querySelectorAll("[data-field='/scopes'] input:checked")].map((one) => one.value),
    expires_at: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    ...(project && { project }),
    all_projects: document.getElementById("all-projects")?.checked ?? false,
  };
}

// What the API would say in words for programs.
function findMissing(wished) {
  const missing = {
    "/label": !wished.label && "Give it a label, so that it can be told from others later.",
    "/scopes": !wished.scopes.length && "Let its holder do at least one thing.",
  };
  let first = null;
  for (const [pointer, words] of Object.entries(missing)) {
    const field = form.querySelector(`[data-field="${pointer}"]`);
    if (mark(field, words || "")) first ??= field;
  }
  first?.querySelector("input").focus();
  return first !== null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  problem.textContent = "";
  tell(form, null);
  const wished = wish();
  if (findMissing(wished)) return;
  button.disabled = true;
  try {
    const key = await call("POST", "/v1/keys", wished);
    show(key);
    if (form.dataset.closes) {
      await call("POST", "/v1/sessions", { key: key.token });
      document.getElementById("made-session").hidden = false;
    }
  } catch (error) {
    if (error.status === 401 && !made.open) return location.reload();
    problem.textContent = tell(form, error);
  } finally {
    button.disabled = false;
  }
});

function show(key) {
  document.getElementById("made-label").textContent = key.label;
  document.getElementById("token").textContent = key.token;
  made.showModal();
}

// The list is read anew, and the token is gone from the page.
made.addEventListener("close", () => {
  document.getElementById("token").textContent = "";
  location.reload();
});
