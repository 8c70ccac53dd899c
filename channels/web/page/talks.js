// The list of conversations.

import { $, dialog, el, icon, toast } from "./dom.js";
import { api, Refused } from "./net.js";

const talks = new Map();
let current = "", busyTimer = 0;
const seen = load("seen");

// on is filled in by main.js: gone() when the conversation that is looked at was deleted, drawn() after the list changed.
export const on = { gone: () => {}, drawn: () => {} };

function load(key) {
  try { return JSON.parse(localStorage.getItem(key) ?? "{}"); } catch { return {}; }
}

export const get = (id) => talks.get(id);
export const ordered = () => [...talks.values()].sort((a, b) => b.updated - a.updated);

// apply takes a change of the stream over.
export function apply(c) {
  if (c.list) talks.clear();
  for (const t of c.talks ?? []) {
    if (t.busy) t.busyUntil = Date.now() + t.busy;
    talks.set(t.id, t);
  }
  for (const id of c.deleted ?? []) {
    talks.delete(id);
    delete seen[id];
    if (id === current) on.gone();
  }
  if (c.list || c.talks || c.deleted) draw();
}

export function select(id) {
  current = id;
  draw();
}

function look() {
  const t = talks.get(current);
  if (!t || document.hidden || seen[current] === t.updated) return;
  seen[current] = t.updated;
  for (const id of Object.keys(seen)) if (!talks.has(id)) delete seen[id];
  localStorage.setItem("seen", JSON.stringify(seen));
}
document.addEventListener("visibilitychange", () => { look(); draw(); });

export const unread = () => [...talks.values()].filter((t) => isNew(t)).length;
const isNew = (t) => t.id !== current && seen[t.id] !== undefined && t.updated > seen[t.id];

export function draw() {
  look();
  const nodes = [];
  let day = "";
  for (const t of ordered()) {
    if (seen[t.id] === undefined) seen[t.id] = t.updated;
    const d = dayOf(t.updated);
    if (d !== day) nodes.push(el("h2", {}, (day = d)));
    nodes.push(row(t));
  }
  if (!nodes.length) nodes.push(el("p", { class: "list-empty" }, "Your conversations will be listed here."));
  const held = $("list").contains(document.activeElement) ? where(document.activeElement) : "";
  $("list").replaceChildren(...nodes);
  on.drawn();
  if (held) [...$("list").querySelectorAll("a, button")].find((n) => where(n) === held)?.focus();
  clearTimeout(busyTimer);
  const until = Math.min(...[...talks.values()].map((t) => t.busyUntil ?? 0).filter((u) => u > Date.now()));
  if (Number.isFinite(until)) busyTimer = setTimeout(draw, until - Date.now() + 50);
}

// where names a link or a button of the list, so that it is found again when the list is drawn anew.
const where = (n) => (n.getAttribute("href") ?? n.closest(".talk")?.querySelector("a").getAttribute("href")) + (n.className || n.textContent);

function row(t) {
  const busy = (t.busyUntil ?? 0) > Date.now();
  return el("div", { class: "talk" + (t.id === current ? " current" : "") + (isNew(t) ? " new" : "") },
    el("a", { href: "#c=" + t.id, "aria-current": t.id === current ? "page" : null, title: t.title || "Conversation" },
      el("span", { class: "talk-title" }, t.title || "Conversation"),
      busy ? el("span", { class: "spinner", role: "img", "aria-label": "An answer is being made" })
        : isNew(t) && el("span", { class: "dot ok", role: "img", "aria-label": "New messages" })),
    el("button", { type: "button", class: "quiet small", "aria-label": `Rename “${t.title || "Conversation"}”`, onclick: () => rename(t.id) }, icon("pen")),
    el("button", { type: "button", class: "quiet small", "aria-label": `Delete “${t.title || "Conversation"}”`, onclick: () => discard(t.id) }, icon("bin")));
}

function dayOf(ms) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 86400000);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 7) return "This week";
  if (days < 31) return "This month";
  return new Date(ms).toLocaleDateString([], { month: "long", year: "numeric" });
}

export async function rename(id) {
  const t = talks.get(id);
  if (!t) return;
  const input = el("input", { value: t.title, maxlength: "60", "aria-label": "Name" });
  const title = await dialog({
    title: "Rename the conversation", body: input,
    actions: [{ label: "Rename", class: "primary", value: () => input.value.trim() }],
  });
  if (title) await attempt(() => api("PATCH", "/conversations/" + id, { title }));
}

export async function discard(id) {
  const t = talks.get(id);
  if (!t) return;
  const yes = await dialog({
    title: "Delete this conversation?",
    body: el("p", {}, `“${t.title || "Conversation"}” and all its messages are removed from this computer. This cannot be undone.`),
    actions: [{ label: "Delete", class: "danger" }],
  });
  if (yes) await attempt(() => api("DELETE", "/conversations/" + id));
}

async function attempt(f) {
  try {
    await f();
  } catch (err) {
    toast(err instanceof Refused ? err.message : "The gateway cannot be reached. Try again.", "bad");
  }
}
