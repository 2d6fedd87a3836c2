// Nodes of the page. Every text goes through textContent, so that no name is ever markup.

export function el(tag, more = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(more)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
// Sets a text and a tone only where they differ: a node that is not touched costs no layout.
export function say(node, text, tone = "", title = "") {
  if (node.textContent !== text) node.textContent = text;
  const base = node.dataset.base || "";
  const wanted = [base, tone].filter(Boolean).join(" ");
  if (node.className !== wanted) node.className = wanted;
  if (title) { if (node.title !== title) node.title = title; } else if (node.title) node.removeAttribute("title");
}
export function tile(name, id) {
  const value = el("b", { id }), more = el("small", {});
  const node = el("div", { class: "tile" }, el("small", {}, name), value, more);
  return { node, set(text, tone = "", title = "", below = "") { say(value, text, tone, title); say(more, below); } };
}
// Makes the children anew only where what they show differs: a button under a finger stays.
export function keep(node, shown, make) {
  const key = JSON.stringify(shown);
  if (node.shownKey === key) return;
  node.shownKey = key;
  put(node, make());
}
export const section = (title, ...children) => el("section", {}, el("h2", {}, title), ...children);
export const NOT_READ = "Not read yet.";
export const note = (text) => el("p", { class: "quiet" }, text);

// A table whose rows are kept by key: what changes is patched, what is clicked stays in place.
// A column is {name, label, text, value(row) -> text or {text, tone, title}, node(row) -> element,
// off(row) -> whether that element can't be used, phone}.
export class Table {
  constructor(columns, { key, empty = "Nothing.", label = "", most = 200, click = null, sort = null } = {}) {
    this.columns = columns; this.key = key; this.most = most; this.click = click; this.sort = sort;
    this.rows = new Map();
    this.given = null;
    this.body = el("tbody", {});
    this.nothing = empty;
    this.empty = el("p", { class: "quiet" });
    this.more = el("button", { type: "button", class: "more", onclick: () => { this.most += 200; this.set(this.given); } });
    this.heads = columns.map((column) => el("th", { class: column.text ? "text" : "", scope: "col" }, this.head(column)));
    this.table = el("table", { "aria-label": label || null }, el("thead", {}, el("tr", {}, this.heads)), this.body);
    this.wide = el("div", { class: "wide cards" }, this.table);
    this.node = el("div", {}, this.wide, this.more, this.empty);
    this.set(null);
  }
  // What to say where there is no row; of rows that were not read yet nothing is said but that.
  none(text) { this.nothing = text; if (this.given !== null) say(this.empty, text, "quiet"); }
  head(column) {
    if (!column.sort) return column.label;
    return el("button", { type: "button", class: "sorts", onclick: () => {
      this.sort = { column, down: this.sort && this.sort.column === column ? !this.sort.down : true };
      this.set(this.given);
    } }, column.label);
  }
  set(given) {
    this.given = given;
    say(this.empty, given === null ? NOT_READ : this.nothing, "quiet");
    const all = this.ordered(given || []), shown = all.slice(0, this.most), keys = new Set(shown.map(this.key));
    for (const [key, row] of this.rows) if (!keys.has(key)) { row.node.remove(); this.rows.delete(key); }
    let before = null;
    for (const data of shown) {
      const key = this.key(data);
      let row = this.rows.get(key);
      if (!row) { row = this.make(data); this.rows.set(key, row); }
      row.data = data;
      this.patch(row);
      const place = before ? before.nextSibling : this.body.firstChild;
      if (row.node !== place) this.body.insertBefore(row.node, place);
      before = row.node;
    }
    this.wide.hidden = !shown.length;
    this.empty.hidden = shown.length > 0;
    this.more.hidden = all.length <= this.most;
    this.more.textContent = `${all.length - shown.length} more`;
  }
  ordered(given) {
    if (!this.sort) return given;
    const { column, down } = this.sort;
    const by = (a, b) => { const x = column.sort(a), y = column.sort(b); return x === y ? 0 : x === null ? 1 : y === null ? -1 : x < y ? -1 : 1; };
    return [...given].sort((a, b) => (down ? by(b, a) : by(a, b)));
  }
  make(data) {
    const row = { data, cells: [] };
    row.node = el("tr", this.click ? { class: "click", tabindex: 0, onclick: (event) => { if (!event.target.closest("button, a")) this.click(row.data); },
      onkeydown: (event) => { if (event.key === "Enter" && event.target === row.node) this.click(row.data); } } : {});
    for (const column of this.columns) {
      const inner = el("span", {});
      const cell = el("td", { class: [column.text ? "text" : "", column.long ? "long" : "", column.phone === false ? "broad" : ""].filter(Boolean).join(" "), "data-label": column.label });
      const shown = column.node ? column.node(() => row.data) : inner;
      cell.append(shown);
      row.cells.push(shown);
      row.node.append(cell);
    }
    return row;
  }
  patch(row) {
    this.columns.forEach((column, index) => {
      if (column.off) row.cells[index].disabled = column.off(row.data);
      if (column.node) return;
      const made = column.value(row.data), told = typeof made === "object" && made !== null ? made : { text: made };
      say(row.cells[index], String(told.text ?? "–"), told.tone || "", told.title || "");
    });
  }
}

// A button that acts when it was held for a second, by finger, mouse or keyboard.
export function hold(label, act, { class: look = "kill", seconds = 1 } = {}) {
  let timer = null;
  const bar = el("i", { "aria-hidden": "true" });
  const node = el("button", { type: "button", class: `hold ${look}`, "aria-description": `hold for ${seconds} s` }, bar, el("span", {}, label));
  const begin = (event) => {
    if (node.disabled || timer !== null || (event.type === "keydown" && ![" ", "Enter"].includes(event.key))) return;
    if (event.type === "pointerdown" && event.button !== 0) return;
    event.preventDefault();
    if (event.pointerId !== undefined) node.setPointerCapture(event.pointerId);
    node.classList.add("held");
    timer = setTimeout(() => { end(); act(); }, seconds * 1000);
  };
  const end = () => { clearTimeout(timer); timer = null; node.classList.remove("held"); };
  for (const name of ["pointerdown", "keydown"]) node.addEventListener(name, begin);
  for (const name of ["pointerup", "pointercancel", "keyup", "blur", "lostpointercapture"]) node.addEventListener(name, end);
  node.addEventListener("contextmenu", (event) => event.preventDefault());
  return node;
}

// A dialog that returns what was typed, or null.
export function ask({ title, text, field = "", type = "text", confirm, expect = null, danger = false }) {
  return new Promise((done) => {
    const input = field ? el("input", { type, id: "asked", autocomplete: type === "password" ? "current-password" : "off", maxlength: 256 }) : null;
    const yes = el("button", { type: "submit", class: danger ? "danger" : "main" }, confirm);
    const fits = () => { yes.disabled = expect !== null && input.value.trim() !== expect; };
    const dialog = el("dialog", { "aria-label": title }, el("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); finish(input ? input.value : ""); } },
      el("h3", {}, title), ...text.map((line) => el("p", {}, line)),
      input ? el("label", { for: "asked" }, field, input) : null,
      el("div", { class: "bar" }, yes, el("button", { type: "button", onclick: () => finish(null) }, "Cancel"))));
    const finish = (value) => { dialog.close(); dialog.remove(); done(value); };
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    if (input) input.addEventListener("input", fits);
    document.body.append(dialog);
    dialog.showModal();
    if (input) fits();
    (input || yes).focus();
  });
}

let toasts = null;
export function toast(text, tone = "") {
  toasts = toasts || document.body.appendChild(el("div", { class: "toasts", role: "status", "aria-live": "polite" }));
  const node = el("p", { class: tone }, text);
  toasts.append(node);
  setTimeout(() => node.remove(), tone === "down" ? 12000 : 6000);
}
// Does something that may fail, and says why if it does.
export async function attempt(work, done = "") {
  try {
    const made = await work();
    if (done) toast(done);
    return made;
  } catch (error) {
    toast(error.message, "down");
    return null;
  }
}
