// Money and times as people read them. Money is whole units of Rs 0.0001 as BigInt, never a float.

export const UNKNOWN = "–";
const SCALE = 10000n, PAISA = 100n;

// Units of a decimal string; null for what is missing or is no number.
export function units(text) {
  const found = typeof text === "string" ? /^(-?)(\d{1,18})(?:\.(\d{1,4}))?$/.exec(text) : null;
  if (!found) return null;
  const size = BigInt(found[2]) * SCALE + BigInt((found[3] || "").padEnd(4, "0"));
  return found[1] ? -size : size;
}

function grouped(digits) {
  const tail = digits.slice(-3), head = digits.slice(0, -3);
  return head ? head.replace(/\B(?=(\d\d)+$)/g, ",") + "," + tail : tail;
}

// Rupees and paise, half a paisa away from zero, as the terminal writes them.
export function rupees(amount, { sign = false, mark = "₹" } = {}) {
  if (amount === null || amount === undefined) return UNKNOWN;
  const size = amount < 0n ? -amount : amount, paise = (2n * size + PAISA) / (2n * PAISA);
  const before = amount < 0n && paise ? "-" : sign && paise ? "+" : "";
  return `${before}${mark}${grouped(String(paise / 100n))}.${String(paise % 100n).padStart(2, "0")}`;
}
// Without the rupee sign, with up to four digits where a price has them.
export function price(amount) {
  if (amount === null || amount === undefined) return UNKNOWN;
  if (amount % PAISA === 0n) return rupees(amount, { mark: "" });
  const size = amount < 0n ? -amount : amount;
  return `${amount < 0n ? "-" : ""}${grouped(String(size / SCALE))}.${String(size % SCALE).padStart(4, "0")}`;
}
export function count(number) {
  if (number === null || number === undefined || !Number.isFinite(Number(number))) return UNKNOWN;
  const whole = Math.round(Number(number));
  return (whole < 0 ? "-" : "") + grouped(String(Math.abs(whole)));
}
// How often, where it was more than once, of those that were read.
export const times = (number) => (number > 1 ? ` (${count(number)} times)` : "");
// One order, two orders, no order.
export const many = (number, noun) => `${number ? count(number) : "no"} ${noun}${Number(number) > 1 ? "s" : ""}`;
export function percent(share, digits = 1) {
  return share === null || share === undefined || !Number.isFinite(share) ? UNKNOWN : `${(100 * share).toFixed(digits)}%`;
}
// A share of two amounts, for bars only.
export const share = (part, whole) => (part === null || whole === null || whole === 0n ? null : Number(part) / Number(whole));
export const toneOf = (amount) => (amount === null || amount === undefined || amount === 0n ? "" : amount < 0n ? "down" : "up");

// Times come in ns since 1970; a number of JavaScript is good to a millisecond, which is what is shown.
const INDIA_MS = 19800000, MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (n) => String(n).padStart(2, "0");
export const ms = (ns) => (ns === null || ns === undefined || Number(ns) <= 0 ? null : Number(ns) / 1e6);
export function clock(ns) {
  const at = ms(ns);
  if (at === null) return UNKNOWN;
  const day = new Date(at + INDIA_MS);
  return `${two(day.getUTCHours())}:${two(day.getUTCMinutes())}:${two(day.getUTCSeconds())}`;
}
export function date(ns) {
  const at = ms(ns);
  if (at === null) return UNKNOWN;
  const day = new Date(at + INDIA_MS);
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]} ${day.getUTCFullYear()}`;
}
export const moment = (ns) => (ms(ns) === null ? UNKNOWN : `${date(ns)} ${clock(ns)}`);
// The day in India, to compare days.
export const dayOf = (ns) => Math.floor((ms(ns) + INDIA_MS) / 86400000);
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
export function bytes(size) {
  if (size === null || size === undefined) return UNKNOWN;
  return size < 1e6 ? `${Math.round(size / 1e3)} kB` : size < 1e9 ? `${(size / 1e6).toFixed(0)} MB` : `${(size / 1e9).toFixed(1)} GB`;
}
// INFY of NSE:INFY, as one types it.
export const short = (name) => (typeof name === "string" && name.includes(":") ? name.slice(name.indexOf(":") + 1) : name);
