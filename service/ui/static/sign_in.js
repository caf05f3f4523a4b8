// Signing in: the key is sent once, and the answer's cookie stands for it; no script keeps either.
"use strict";

import { call } from "./api.js";
import { mark } from "./fields.js";

const form = document.getElementById("sign-in");
const input = document.getElementById("key");
const field = input.closest("[data-field]");
const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  try {
    const key = input.value.trim();
    if (!key) throw new Error("Paste an API key: it begins with gs_");
    await call("POST", "/v1/sessions", { key });
    // A path of this site: the server saw to it; what stood after the # came along with the redirect.
    location.replace(form.dataset.then + location.hash);
  } catch (error) {
    mark(field, error.status === 401 ? "This key opens nothing: it is unknown, expired or revoked." : error.message);
    button.disabled = false;
    input.focus();
    input.select();
  }
});
input.addEventListener("input", () => mark(field, ""));
