// The stream of what changes, and what it has told so far. One stream a tab, closed while it is hidden.

import { get, query } from "./api.js";

const TOPICS = "board,activity,alerts,health,pipeline";
const MUTE_MS = 5000, LATEST = 60, MOST_NAMES = 200;

// What is known: parts of boards by run, ticks with the time they came, the latest activities.
export class Live {
  constructor() {
    this.boards = new Map();
    this.ticks = new Map();
    this.health = null;
    this.pipeline = null;
    this.activity = [];
    this.alerts = new Map();
    this.lastFrame = null;
    this.beganAt = null;
    this.late = null;
    this.lost = null;
    this.listeners = new Set();
    this.source = null;
    this.wait = 1000;
    this.run = "";
    this.feed = null;
    this.names = new Set();
    this.dirty = false;
    this.begun = false;
    this.timer = setInterval(() => this.watch(), 500);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
  }
  on(call) { this.listeners.add(call); return () => this.listeners.delete(call); }
  // Changes are drawn together, four times a second at most.
  touch() {
    if (this.dirty) return;
    this.dirty = true;
    setTimeout(() => { this.dirty = false; for (const call of [...this.listeners]) call(this); }, 250);
  }
  // Nothing is known of a run whose board has not come: not that it holds nothing.
  knows(run) { return this.boards.has(run); }
  part(run, name) { return (this.boards.get(run) || new Map()).get(name) || new Map(); }
  tick(name) { return this.ticks.get(name) || null; }
  // Seconds since a price came; null where it is the first that was seen, whose age nobody knows.
  age(name) {
    const tick = this.ticks.get(name);
    return tick && tick.came !== null ? (performance.now() - tick.came) / 1000 : null;
  }
  get mute() { return this.lost !== null; }

  // Of more instruments than are shown, those that come first: what is held stands before the others.
  select(run, feed, names) {
    const wanted = new Set([...names].slice(0, MOST_NAMES));
    if (run === this.run && wanted.size === this.names.size && [...wanted].every((name) => this.names.has(name)) && this.source) return;
    if (run !== this.run) {
      this.activity = this.activity.filter((each) => each.run === run);
      this.ticks.clear();
    }
    this.run = run;
    this.feed = feed;
    this.names = wanted;
    this.open();
  }
  close() {
    clearTimeout(this.again);
    if (this.source) this.source.close();
    this.source = null;
  }
  open() {
    this.close();
    if (document.hidden || !this.begun) return;
    const source = new EventSource("/api/v1/stream" + query({ topics: TOPICS, run: this.run, names: [...this.names].join(",") }));
    this.source = source;
    const heard = (name, take) => source.addEventListener(name, (event) => {
      this.lastFrame = Date.now();
      this.wait = 1000;
      take(JSON.parse(event.data));
      this.touch();
    });
    // What came while nobody listened is sent by no one again: it is read.
    heard("hello", () => { this.activity = []; this.readAlerts(source); this.hello(); });
    heard("beat", () => {});
    heard("board", (data) => this.take(data));
    heard("health", (data) => { this.health = data; });
    heard("pipeline", (data) => { this.pipeline = data; });
    heard("activity", (data) => { this.note(data); this.news(data); });
    heard("alerts", (data) => { this.alert(data); this.news(data); });
    heard("bye", (data) => { this.wait = Math.max(500, data.retry_ms || 1000); this.retry(); });
    source.onerror = () => { if (source === this.source) this.retry(); };
  }
  // The browser gives up for ever on some answers, so the way back is ours; 401 ends at the login.
  retry() {
    this.close();
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.wait = Math.min(this.wait * 2, 30000);
    this.again = setTimeout(async () => {
      try { await get("/auth/me"); } catch (error) { if (error.status === 401) return; }
      this.open();
    }, wait);
  }
  take({ reset, changes }) {
    const first = reset;
    if (reset) this.boards = new Map();
    for (const [run, part, name, value] of changes) {
      if (part === "ticks") {
        const known = this.ticks.get(name), own = run !== "";
        // A price of another run, or of another feed, is none of this run's.
        if (own ? run !== this.run : (known && known.own) || (value !== null && value.feed !== this.feed)) continue;
        if (value === null) this.ticks.delete(name);
        else if (!known || known.feed_seq !== value.feed_seq || known.ts !== value.ts) {
          this.ticks.set(name, { ...value, own, came: first && !known ? null : performance.now() });
        }
        continue;
      }
      const board = this.boards.get(run) || this.boards.set(run, new Map()).get(run);
      const names = board.get(part) || board.set(part, new Map()).get(part);
      if (value === null) names.delete(name); else names.set(name, value);
    }
  }
  hello() {}
  news() {}
  async readAlerts(source) {
    const late = (this.late = []);
    try {
      const told = await Promise.all(["open", "acknowledged"].map((state) => get("/alerts" + query({ state, limit: 100 }))));
      if (late !== this.late) return;
      this.late = null;
      this.alerts = new Map(told.flatMap((each) => each.items).map((row) => [row.id, row]));
      late.forEach((row) => this.alert(row));
      this.touch();
    } catch {
      if (late === this.late) setTimeout(() => { if (source === this.source) this.readAlerts(source); }, 3000);
    }
  }
  // The latest of each sort: a thousand refusals push no fill out.
  note(data) {
    this.activity.unshift(data);
    const same = this.activity.filter((each) => each.type === data.type);
    if (same.length > LATEST) this.activity.splice(this.activity.lastIndexOf(same.at(-1)), 1);
  }
  alert(row) {
    if (this.late) this.late.push(row);
    if (row.state === "resolved") this.alerts.delete(row.id); else this.alerts.set(row.id, row);
  }
  begin() {
    this.begun = true;
    this.beganAt = Date.now();
    this.open();
    this.touch();
  }
  // A screen that is frozen must not look alive.
  watch() {
    if (!this.begun || document.hidden) return;
    const heardAt = this.lastFrame ?? this.beganAt, quiet = Date.now() - heardAt > MUTE_MS;
    if (quiet && this.lost === null) this.lost = heardAt;
    if (!quiet) this.lost = null;
    this.touch();
  }
}
