// Asks the service about schedules, so that the last word counts.
//
// While somebody moves a slider a question comes every frame. One is under way at a time; of those
// that wait only the newest stays, and one that takes too long is given up for it.
import { call } from "./api.js";
import { stringify } from "./workbench-json.js";

const PATIENCE_MS = 300;

export const post = (path, body, options = {}) => call("POST", path, body, { stringify, ...options });

export class Asker {
  #path;
  #answered;
  #next = null;
  #running = null;
  #begun = 0;

  // `answered(answer, error)`: one of them is null.
  constructor(path, answered) {
    this.#path = path;
    this.#answered = answered;
  }

  ask(body) {
    this.#next = body;
    if (!this.#running) this.#run();
    else if (performance.now() - this.#begun > PATIENCE_MS) this.#running.abort();
  }

  stop() {
    this.#next = null;
    this.#running?.abort();
  }

  async #run() {
    while (this.#next !== null) {
      const body = this.#next;
      this.#next = null;
      this.#running = new AbortController();
      this.#begun = performance.now();
      try {
        this.#answered(await post(this.#path, body, { signal: this.#running.signal }), null);
      } catch (error) {
        if (error.name !== "AbortError") this.#answered(null, error);
      }
    }
    this.#running = null;
  }
}

// One asker for every schedule; those of schedules that are gone are stopped.
export class Askers {
  #path;
  #askers = new Map();
  #answered;

  // `answered(key, answer, error)`
  constructor(path, answered) {
    this.#path = path;
    this.#answered = answered;
  }

  ask(key, body) {
    if (!this.#askers.has(key)) {
      this.#askers.set(key, new Asker(this.#path, (answer, error) => this.#askers.has(key) && this.#answered(key, answer, error)));
    }
    this.#askers.get(key).ask(body);
  }

  keep(keys) {
    for (const [key, asker] of this.#askers) {
      if (keys.has(key)) continue;
      asker.stop();
      this.#askers.delete(key);
    }
  }
}

// A function that does its work once, when it was not called for a while.
export function debounced(work, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

// A function that does its work once before the next frame, however often it is called.
export function framed(work) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      work();
    });
  };
}
