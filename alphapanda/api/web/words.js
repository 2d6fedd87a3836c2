// What happened, in a line.

import { clock, count, price, rupees, short, times, units } from "./numbers.js";
import { el } from "./ui.js";

export const CREDIT = "Below nothing: it takes back a part of earlier charges. Shares bought and sold on one day for delivery are charged as intraday.";
const nowrap = (text, title = "") => el("span", { class: "num", title: title || null }, text);
const charged = (amount) => nowrap(rupees(amount), amount !== null && amount < 0n ? CREDIT : "");

// One line of what a strategy asks for again and again and is refused: the newest, and how often.
export function folded(rows) {
  const made = [], first = new Map();
  for (const row of rows) {
    const refused = (row.type ?? (row.code ? "refusal" : "fill")) === "refusal";
    const key = refused ? JSON.stringify([row.strategy, row.side, row.instrument, row.code]) : null, known = refused ? first.get(key) : undefined;
    if (known) { known.times += 1; continue; }
    const one = { ...row, times: 1 };
    if (refused) first.set(key, one);
    made.push(one);
  }
  return made;
}

export function activityLine(each) {
  const what = `${each.side || ""} ${count(each.quantity)} ${short(each.instrument || "")}`.trim();
  const sort = each.type || "fill"; // a row of the table of fills has none
  const told = {
    fill: () => [el("b", {}, "Filled "), `${what} at ${price(units(each.price))} for ${each.strategy}`, el("small", {}, ", charges ", charged(units(each.charges)), units(each.realised) ? [", realised ", nowrap(rupees(units(each.realised), { sign: true }))] : null)],
    refusal: () => [el("b", { class: "warn" }, "Refused "), `${what} of ${each.strategy}: ${each.sentence || each.code}`, times(each.times)],
    order: () => [el("b", {}, `Order ${each.status} `), `${what} of ${each.strategy}, ${each.kind || ""}${units(each.price) ? ` ${each.kind === "market" ? "within" : "at"} ${price(units(each.price))}` : ""}${each.reason ? `: ${each.reason}` : ""}`],
    command: () => [el("b", {}, `Command ${each.verb} ${each.state} `), `${each.scope === "account" ? "" : `${each.scope} ${each.name} `}by ${each.by}${each.reason ? `: ${each.reason}` : ""}`],
  }[sort] || (() => [el("b", {}, `${each.type} `), ""]);
  return el("li", {}, el("time", {}, clock(each.updated_ns || each.ts || each.state_ns)), told());
}
