// Schedules whose curve goes through points, and their points as places and learning rates.
//
// A place is the elapsed part after the warmup, a rate is level times peak; whoever moves a point
// above the peak moves the peak, so the other rates stay as they are.
import { fraction, isFraction } from "./workbench-json.js";

const LOWEST = 1e-6; // of the peak: a logarithm needs more than zero
const DIGITS = 6;
const APART = 1e-4; // of two places

const round = (value) => Number(value.toPrecision(DIGITS));
const nodeOf = (schedule) => (schedule.family === "expression" ? schedule.params?.node?.points : undefined);

// Where a family keeps its places and levels; null if it has no points.
function kept(schedule) {
  const params = schedule.params ?? {};
  if (schedule.family === "knots") return { places: null, levels: params.values };
  if (schedule.family === "piecewise_linear") return { places: params.at, levels: params.values };
  const node = nodeOf(schedule);
  return node ? { places: node.at, levels: node.values } : null;
}

export const hasPoints = (schedule) => kept(schedule) !== null;
export const canSlide = (schedule) => hasPoints(schedule) && schedule.family !== "knots";

export function pointsOf(schedule, updates) {
  const { places, levels } = kept(schedule);
  const last = levels.length - 1;
  const isLengths = schedule.family === "piecewise_linear"; // whose places may be updates, too
  return levels.map((level, at) => {
    const even = (1 - Math.cos((Math.PI * at) / last)) / 2;
    const place = places === null ? even : isLengths ? placeOf(places[at], updates) : Number(places[at]);
    return { place, rate: Number(level) * Number(schedule.peak) };
  });
}

const placeOf = (place, updates) => (isFraction(place) || Number(place) === 0 ? Number(place) : Number(place) / Math.max(1, updates));

function keep(schedule, points) {
  const peak = Math.max(...points.map((point) => point.rate));
  const isLog = schedule.family !== "piecewise_linear";
  schedule.peak = round(peak);
  const levels = points.map((point) => Math.min(1, Math.max(isLog ? LOWEST : 0, round(point.rate / peak))));
  if (schedule.family === "knots") {
    schedule.params = { ...schedule.params, values: levels };
    return;
  }
  const places = points.map((point) => round(point.place));
  if (schedule.family === "piecewise_linear") schedule.params = { ...schedule.params, at: places.map(fraction), values: levels };
  else schedule.params = { ...schedule.params, node: { points: { ...nodeOf(schedule), at: places, values: levels } } };
}

export function move(schedule, updates, at, { place, rate }) {
  const points = pointsOf(schedule, updates);
  const others = points.filter((_, other) => other !== at).map((point) => point.rate);
  const highest = Math.max(...others, rate ?? 0, 1e-12);
  if (rate !== undefined) points[at].rate = Math.max(rate, LOWEST * highest);
  if (place !== undefined && canSlide(schedule)) {
    const low = at === 0 ? 0 : points[at - 1].place + APART;
    const high = at === points.length - 1 ? 1 : points[at + 1].place - APART;
    points[at].place = Math.min(Math.max(place, low), high);
  }
  keep(schedule, points);
}

export function remove(schedule, updates, at) {
  const points = pointsOf(schedule, updates);
  if (!canSlide(schedule) || points.length <= 2) return false;
  points.splice(at, 1);
  keep(schedule, points);
  return true;
}

// A point in the middle of the widest gap, on the line between its neighbours.
export function insert(schedule, updates) {
  const points = pointsOf(schedule, updates);
  let widest = 1;
  for (let at = 1; at < points.length; at += 1) {
    if (points[at].place - points[at - 1].place > points[widest].place - points[widest - 1].place) widest = at;
  }
  const [before, after] = [points[widest - 1], points[widest]];
  const rate = Math.sqrt(Math.max(before.rate, 1e-300) * Math.max(after.rate, 1e-300));
  points.splice(widest, 0, { place: (before.place + after.place) / 2, rate });
  keep(schedule, points);
  return widest;
}

// Knots whose places are fixed, as points that can move sideways too; the same curve.
export function freed(schedule, updates) {
  const places = pointsOf(schedule, updates).map((point) => round(point.place));
  const { values } = schedule.params;
  const points = { length: Math.max(1, updates), at: places, values: values.map(Number), through: "pchip", scale: "log" };
  return { ...schedule, family: "expression", params: { node: { points } } };
}
