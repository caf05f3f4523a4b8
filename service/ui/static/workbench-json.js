// JSON in which 1.0 stays 1.0: a length of 1.0 is the whole horizon, one of 1 is one update, and
// JavaScript has only one number for both. A whole number written with a point becomes a `Whole`,
// which counts as its value and is written with a point again.
"use strict";

export class Whole {
  constructor(value) {
    this.value = Number(value);
  }
  valueOf() {
    return this.value;
  }
  toString() {
    return `${this.value}`;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+\.0+(?![\d.eE])/g;
const MARK = "\u0001"; // no text of a schedule holds it
const MARKED = new RegExp(`"\\\\u0001(-?\\d+)"`, "g");

// A number of a length as it is meant: parts of a whole, or updates.
export const fraction = (value) => (Number.isInteger(value) ? new Whole(value) : value);
export const isFraction = (value) => value instanceof Whole || (typeof value === "number" && !Number.isInteger(value));

export function parse(text) {
  const marked = text.replace(TOKEN, (token) => (token[0] === '"' ? token : `"\\u0001${parseInt(token, 10)}"`));
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value[0] === MARK ? new Whole(value.slice(1)) : value,
  );
}

export function stringify(value, space) {
  const text = JSON.stringify(value, (_, one) => (one instanceof Whole ? `${MARK}${one.value}` : one), space);
  return text.replace(MARKED, "$1.0");
}

export const copy = (value) => parse(stringify(value));

// Text as base64url without padding, and back.
export function encode(text) {
  const bytes = new TextEncoder().encode(text);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function decode(code) {
  const letters = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(letters, (one) => one.charCodeAt(0)));
}
