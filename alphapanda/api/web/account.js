// One's own account: the password, the sessions, the keys of programs; for an admin the users.

import { get, patch, post, remove } from "./api.js";
import { date, moment } from "./numbers.js";
import { Table, ask, attempt, el, put, section, toast } from "./ui.js";

const ROLES = ["viewer", "trader", "admin"];
const LEAST = 12;

// What a stolen session should not do takes the password again, once in five minutes.
async function stepped(app, title) {
  if (app.user.stepped_until_ns && app.user.stepped_until_ns / 1e6 > Date.now() + 10000) return true;
  const password = await ask({ title, confirm: "Go on", field: "Your password", type: "password", text: ["Give your password again first."] });
  if (!password) return false;
  const told = await attempt(() => post("/auth/step-up", { password }));
  if (told) app.user.stepped_until_ns = told.stepped_until_ns;
  return told !== null;
}
const button = (label, act, more = {}) => el("button", { type: "button", class: "small", onclick: act, ...more }, label);

export function accountPage(app) {
  const user = app.user, shownKey = el("div", { id: "new-key" });
  const facts = el("dl", {}, [["Name", user.name], ["Role", user.role], ["Owner", user.owner], ["May", user.scopes.join(", ")]].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  const keys = new Table([
    { label: "Key", text: true, value: (row) => row.name }, { label: "Begins with", text: true, value: (row) => row.prefix }, { label: "May", text: true, long: true, value: (row) => row.scopes.join(", ") },
    { label: "Made", value: (row) => date(row.created_ns) }, { label: "Until", value: (row) => (row.expires_ns ? date(row.expires_ns) : "it is revoked") },
    { label: "Is", text: true, value: (row) => (row.revoked ? { text: "revoked", tone: "stale" } : "good") },
    { label: "", off: (row) => row.revoked, node: (row) => button("Revoke", async () => { await attempt(() => remove(`/keys/${row().id}`), "revoked"); await attempt(refresh); }) },
  ], { key: (row) => row.id, label: "Keys", empty: "You have no key." });
  const logins = new Table([
    { label: "Login", text: true, value: (row) => (row.this ? "this page" : row.kind === "session" ? "a browser" : "a program's tokens") },
    { label: "From", text: true, value: (row) => row.address }, { label: "With", text: true, long: true, value: (row) => row.agent },
    { label: "Since", text: true, value: (row) => moment(row.created_ns) }, { label: "Last used", text: true, value: (row) => moment(row.seen_ns) },
    { label: "", off: (row) => row.this, node: (row) => button("End", async () => { await attempt(() => remove(`/auth/sessions/${row().id}`), "ended"); await attempt(refresh); }) },
  ], { key: (row) => row.id, label: "Logins", empty: "Not known yet." });
  const users = new Table([
    { label: "User", text: true, value: (row) => row.name }, { label: "Role", text: true, value: (row) => row.role }, { label: "Since", value: (row) => date(row.created_ns) },
    { label: "Is", text: true, value: (row) => (row.active ? "on" : { text: "switched off", tone: "stale" }) },
    { label: "", node: (row) => button("Role", () => changeRole(row())) }, { label: "", node: (row) => button("On or off", () => turn(row())) },
  ], { key: (row) => row.id, label: "Users", empty: "Not known yet." });

  const name = el("input", { id: "key-name", maxlength: 64, placeholder: "what it is for", "aria-label": "Name of the key" });
  const days = el("input", { id: "key-days", type: "number", min: 1, max: 365, value: 90, "aria-label": "Days" });
  const boxes = user.scopes.filter((scope) => scope !== "admin").map((scope) => [scope, el("input", { type: "checkbox", "data-scope": scope })]);
  const newName = el("input", { id: "user-name", maxlength: 64, autocomplete: "off", "aria-label": "Name" });
  const newPassword = el("input", { id: "user-password", type: "password", maxlength: 256, autocomplete: "new-password", "aria-label": "Password" });
  const newRole = el("select", { id: "user-role", "aria-label": "Role" }, ROLES.map((role) => el("option", { value: role }, role)));

  const node = el("div", {}, section("You", facts, el("div", { class: "bar" }, button("Change the password", changePassword, { id: "change-password" }), button("Log out everywhere", logOutEverywhere, { id: "log-out-everywhere" }))),
    section("Your logins", logins.node),
    section("Keys of programs", shownKey, keys.node, el("div", { class: "bar" }, name, el("label", {}, "Days", days), boxes.map(([scope, box]) => el("label", {}, box, scope)), button("Make a key", makeKey, { id: "make-key" }))),
    app.may("admin") ? section("Users", users.node, el("div", { class: "bar" }, el("label", {}, "Name", newName), el("label", {}, "Password", newPassword), el("label", {}, "Role", newRole), button("Add", addUser, { id: "add-user" }))) : null);

  async function changePassword() {
    if (!await stepped(app, "Change the password")) return;
    const password = await ask({ title: "Change the password", confirm: "Change", field: `The new one, at least ${LEAST} characters`, type: "password", text: ["All other sessions and tokens of yours end."] });
    if (!password) return;
    const again = await ask({ title: "Change the password", confirm: "Change", field: "The new one again", type: "password", text: ["So that no slip locks you out."] });
    if (again !== password) { toast("The two differ: nothing was changed.", "down"); return; }
    await attempt(() => post("/auth/password", { password }), "The password is changed.");
  }
  async function logOutEverywhere() {
    const typed = await ask({ title: "Log out everywhere", danger: true, confirm: "Log out", text: ["Ends every session and every token of yours, this one too. Keys stay: revoke them each."] });
    if (typed === null) return;
    if (await attempt(() => post("/auth/logout-everywhere").then(() => true))) location.reload();
  }
  async function makeKey() {
    const scopes = boxes.filter(([, box]) => box.checked).map(([scope]) => scope);
    if (!name.value.trim() || !scopes.length) { toast("Give it a name, and at least one scope.", "down"); return; }
    if (!await stepped(app, "Make a key")) return;
    const made = await attempt(() => post("/keys", { name: name.value.trim(), scopes, days: Number(days.value) || null }));
    if (!made) return;
    put(shownKey, el("div", { class: "loud cool" }, el("p", {}, el("b", {}, "The key, shown this once: "), el("code", { id: "the-key" }, made.key)), button("Done", () => put(shownKey))));
    name.value = "";
    await attempt(refresh);
  }
  async function addUser() {
    if (!await stepped(app, "Add a user")) return;
    const made = await attempt(() => post("/users", { name: newName.value.trim(), password: newPassword.value, role: newRole.value }), "added");
    newPassword.value = "";
    if (made) newName.value = "";
    await attempt(refresh);
  }
  async function change(row, title, body) {
    if (!await stepped(app, title)) return;
    await attempt(() => patch(`/users/${row.id}`, body));
    await attempt(refresh);
  }
  async function changeRole(row) {
    const role = await ask({ title: `Role of ${row.name}`, confirm: "Change", field: `One of ${ROLES.join(", ")}`, text: [`It is ${row.role}. It counts within 5 s.`] });
    if (role) await change(row, "Change a role", { role: role.trim() });
  }
  const turn = (row) => change(row, row.active ? "Switch a user off" : "Switch a user on", { active: !row.active });

  async function refresh() {
    const [open, mine, all] = await Promise.all([get("/auth/sessions"), get("/keys"), app.may("admin") ? get("/users") : { items: [] }]);
    logins.set(open.items);
    keys.set(mine.items);
    users.set(all.items);
  }
  return { node, refresh, update() {}, every: 30000, always: true };
}
