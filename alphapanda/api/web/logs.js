// Lines of the log: a channel, a level, any word; followed as they come.

import { get, query } from "./api.js";
import { el, put } from "./ui.js";

const LEVELS = ["debug", "info", "warning", "error", "critical"], KNOWN = ["timestamp", "level", "event", "channel", "part", "run_id", "correlation_id", "logger"];
const TONES = { warning: "warn", error: "down", critical: "down" };

export function logsPage(app, values) {
  const wanted = { channel: values.channel || "application", level: values.level || "info", run: values.run || "", request_id: values.request_id || "", text: values.text || "" };
  const lines = el("ol", { class: "list log", id: "lines" }), told = el("p", { class: "quiet" }), elsewhere = el("div", { class: "bar" });
  const again = (name) => (event) => app.go("logs", { ...wanted, [name]: event.target.value });
  const channel = el("select", { "aria-label": "Channel", onchange: again("channel") });
  const level = el("select", { "aria-label": "Level", onchange: again("level") }, LEVELS.map((each) => el("option", { value: each, selected: each === wanted.level }, each)));
  const filter = el("input", { id: "filter", type: "search", placeholder: "any word", maxlength: 100, "aria-label": "Any word", value: wanted.text, onchange: again("text") });
  const follow = el("input", { type: "checkbox", checked: true });
  const older = el("button", { type: "button", class: "more", hidden: true, onclick: () => more() }, "Older lines");
  const ids = ["run", "request_id"].filter((name) => wanted[name]).map((name) => el("button", { type: "button", class: "chosen small", onclick: () => app.go("logs", { ...wanted, [name]: "" }) }, `${name === "run" ? "run" : "request"} ${wanted[name]} ✕`));
  const node = el("div", {}, el("div", { class: "bar" }, el("label", {}, "Channel", channel), el("label", {}, "Level and above", level), filter, el("label", {}, follow, "follow"), ids), lines, told, elsewhere, older);
  let next = null, channels = null, others = null;

  function line(each) {
    const found = typeof each === "object" && each !== null ? each : { event: String(each) };
    const link = (name, key) => (found[key] ? el("button", { type: "button", class: "small", title: `only this ${name}`, onclick: () => app.go("logs", { ...wanted, [name]: found[key] }) }, String(found[key]).slice(0, 24)) : null);
    const rest = Object.entries(found).filter(([key]) => !KNOWN.includes(key)).map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
    return el("li", {}, el("time", {}, india(found.timestamp)), el("b", { class: TONES[found.level] || "" }, `${found.level || ""} `), el("span", {}, `${found.part || ""} ${found.event || ""} ${rest} `), link("run", "run_id"), link("request_id", "correlation_id"));
  }
  // Nothing in the channel that is shown first: which others have lines.
  async function seek() {
    const found = await Promise.all(channels.filter((each) => each !== wanted.channel).map(async (each) => ((await get("/logs" + query({ channel: each, level: wanted.level, limit: 1 }))).items.length ? each : null)));
    others = found.filter(Boolean).map((each) => el("button", { type: "button", class: "small", onclick: () => app.go("logs", { ...wanted, channel: each }) }, each));
  }
  async function more() {
    const page = await get("/logs" + query({ ...wanted, limit: 100, before: next }));
    follow.checked = false;
    lines.append(...page.items.map(line));
    next = page.next;
    older.hidden = !next;
  }
  async function refresh() {
    if (channels === null) {
      channels = (await get("/logs/channels")).items;
      put(channel, channels.map((each) => el("option", { value: each, selected: each === wanted.channel }, each)));
    }
    if (!follow.checked) return;
    const page = await get("/logs" + query({ ...wanted, limit: 100 }));
    put(lines, page.items.map(line));
    told.textContent = page.items.length ? "" : `No line that fits in ${wanted.channel}.`;
    if (!page.items.length && !values.channel && others === null) await seek();
    put(elsewhere, page.items.length ? null : others);
    next = page.next;
    older.hidden = !next;
  }
  return { node, refresh, update() {}, every: 4000, always: true };
}
function india(timestamp) {
  const at = Date.parse(timestamp || "");
  return Number.isNaN(at) ? "" : `${new Date(at + 19800000).toISOString().slice(11, 23)} `;
}
