// Calls of the API, as JSON; what is refused is thrown as its problem document tells it.
"use strict";

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `the server answered ${status}`);
    this.status = status;
    this.problem = problem || {};
  }
}

// `parse` and `stringify` take the place of JSON's own, for numbers that JavaScript cannot tell apart.
export async function call(method, path, body, options = {}) {
  const { signal, headers = {}, parse = JSON.parse, stringify = JSON.stringify } = options;
  const isJson = body !== undefined;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: { Accept: "application/json", ...(isJson && { "Content-Type": "application/json" }), ...headers },
      body: isJson ? stringify(body) : undefined,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: "The server cannot be reached." });
  }
  const text = await answer.text();
  const told = text && answer.headers.get("Content-Type")?.includes("json") ? parse(text) : text;
  if (!answer.ok) throw new Refusal(answer.status, typeof told === "object" ? told : undefined);
  return told;
}

// Says something to whoever looks or listens; bad news stays until it is closed.
export function notify(words, tone = "good") {
  const notice = document.getElementById("notice");
  notice.querySelector("p").textContent = words;
  notice.dataset.tone = tone;
  notice.hidden = false;
  clearTimeout(notify.timer);
  if (tone === "good") notify.timer = setTimeout(() => (notice.hidden = true), 4000);
}

// Asks in a dialog; resolves to whether it was agreed.
export function ask(words, verb = "Yes") {
  const dialog = document.getElementById("ask");
  dialog.querySelector("p").textContent = words;
  dialog.querySelector("[value=yes]").textContent = verb;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
