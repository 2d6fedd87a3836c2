// What happened, in a line.

import { clock, count, price, rupees, short, units } from "./numbers.js";
import { el } from "./ui.js";

export function activityLine(each) {
  const what = `${each.side || ""} ${count(each.quantity)} ${short(each.instrument || "")}`.trim();
  const sort = each.type || "fill"; // a row of the table of fills has none
  const told = {
    fill: () => [el("b", {}, "Filled "), `${what} at ${price(units(each.price))} for ${each.strategy}`, el("small", {}, `, charges ${rupees(units(each.charges))}${units(each.realised) ? `, realised ${rupees(units(each.realised), { sign: true })}` : ""}`)],
    refusal: () => [el("b", { class: "warn" }, "Refused "), `${what} of ${each.strategy}: ${each.sentence || each.code}`],
    order: () => [el("b", {}, `Order ${each.status} `), `${what} of ${each.strategy}, ${each.kind || ""}${units(each.price) ? ` ${each.kind === "market" ? "within" : "at"} ${price(units(each.price))}` : ""}${each.reason ? `: ${each.reason}` : ""}`],
    command: () => [el("b", {}, `Command ${each.verb} ${each.state} `), `${each.scope === "account" ? "" : `${each.scope} ${each.name} `}by ${each.by}${each.reason ? `: ${each.reason}` : ""}`],
  }[sort] || (() => [el("b", {}, `${each.type} `), ""]);
  return el("li", {}, el("time", {}, clock(each.updated_ns || each.ts || each.state_ns)), told());
}
