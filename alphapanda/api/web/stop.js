// Ways to stop, and to go on: each says what it does, and what was left standing after it.

import { many, short } from "./numbers.js";
import { ask, attempt, el, hold, toast } from "./ui.js";
import { command, post } from "./api.js";

// What came of a command, in words.
export function outcome(told, { scope = "account", name = "" } = {}) {
  const lines = told.commands.map((each) => {
    const head = `${told.verb} of ${scope === "account" ? "" : `${short(name)} in `}${each.run}`;
    if (each.failed) return `${head} was not given: ${each.failed}`;
    if (each.refused) return `${head} refused: ${each.refused}`;
    if (each.state !== "applied") return `${head} is on the disk; the run (${each.standing}) has not applied it yet`;
    // The figures are those of the whole run at that moment: closing orders of a flatten are on their way.
    const held = each.positions ? `${many(each.positions, "position")} open in the run, ${each.with_stop || "none"} with a stop` : "no position open in the run";
    return `${head} applied${told.verb === "flatten" ? ", closing orders go out" : ""}. At that moment: ${held}; ${many(each.working, "order")} working.`;
  });
  if (!lines.length) lines.push(`${told.verb}: no run took it`);
  const file = told.kill_file;
  if (file) lines.push(file.why || (told.verb === "kill" ? "The file KILL is written: no run begins until it is lifted." : "The file KILL is lifted: runs begin again."));
  return lines.join("\n");
}
let given = () => {};
export function whenGiven(call) { given = call; }
export async function give(verb, { run = null, scope = "account", name = "", reason = "" } = {}) {
  const told = await attempt(() => command({ verb, scope, name, run, reason }));
  if (told) toast(outcome(told, { scope, name }));
  given();
  return told;
}

// Closes positions, once it was typed how many.
export async function flatten({ open, run, scope = "account", name = "", of = "the run" }) {
  const typed = await ask({
    title: "Flatten", danger: true, confirm: "Flatten", field: `Type ${open} to close ${open === 1 ? "it" : "them"}`, expect: String(open),
    text: [`Pauses ${of}, cancels its working orders and closes ${open} open position${open === 1 ? "" : "s"} by market orders.`, "It stays paused until you resume it."],
  });
  if (typed !== null) await give("flatten", { run, scope, name });
}

// The bar: pause by a click, flatten by typing how many, kill by holding. None is disabled by silence.
export function stopBar(context) {
  const pause = el("button", { type: "button", id: "pause", title: "No new risk: what only reduces still passes, exits stay.", onclick: async () => {
    await give(context.paused() ? "resume" : "pause", { run: context.run() });
  } }, "Pause");
  const flattens = el("button", { type: "button", id: "flatten", title: "Pause, cancel all working orders, close all positions by market orders.", onclick: () => flatten({ open: context.open(), run: context.run() }) }, "Flatten");
  const kill = hold("Hold to kill", () => give("kill", { run: context.run() }), { class: "kill" });
  kill.id = "kill";
  kill.title = "Refuses all order requests and cancels working orders. Positions stay open; exits of brackets stay.";
  const bar = el("div", { class: "stops", role: "group", "aria-label": "Stop trading" }, pause, flattens, kill);
  return { node: bar, update() {
    const here = context.running() && context.may("trade:control");
    pause.textContent = context.paused() ? "Resume" : "Pause";
    pause.disabled = !here || context.mute();
    flattens.disabled = !here || context.mute() || !context.open();
    kill.disabled = !here && !context.unknown();
    kill.lastChild.textContent = context.unknown() ? "Hold to kill all" : "Hold to kill";
    bar.hidden = !context.may("trade:control");
    bar.classList.toggle("idle", kill.disabled);
  } };
}

// A kill is lifted by an admin who gives the password again.
export async function rearm({ run, scope, name }) {
  const password = await ask({
    title: "Rearm", confirm: "Rearm", field: "Your password", type: "password",
    text: ["Lifts the kill, so that orders pass again. A pause stays until it is lifted by Resume."],
  });
  if (!password) return;
  const stepped = await attempt(() => post("/auth/step-up", { password }));
  if (stepped) await give("rearm", { run, scope, name });
}
