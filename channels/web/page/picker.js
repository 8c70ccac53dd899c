// The lists above the message box to choose from: models, and services to log in to. What is chosen goes out as a
// command.

import { $, el, icon } from "./dom.js";
import { api } from "./net.js";

const box = $("picker"), chip = $("model");
let items = null, notes = [], rows = [], chosen = -1, input = null, asked = 0, opener = null, foot = null;

// on is filled in by main.js: send(command), name(id) of a service, services() lists those that one can log in to.
export const on = { send: () => {}, name: (id) => id, services: () => [] };

// models lists what can be chosen; model is the one that answers now.
export function models(model) {
  if (!box.hidden && opener === chip) return close();
  open("models", chip, el("button", { type: "button", class: "link", onclick: () => services(chip) }, "Log in to another service"), async () => {
    const got = await api("GET", "/panel/models");
    notes = got.notes ?? [];
    return got.models.map((m) => {
      const provider = m.ref.slice(0, m.ref.indexOf("/")), id = m.ref.slice(provider.length + 1), name = m.name || id;
      const facts = [name !== id && id, m.window > 0 && size(m.window), m.sees && "sees images", m.thinks && "thinks"];
      return { command: "/model " + m.ref, group: on.name(provider), name, facts, now: m.ref === model && "answers now" };
    });
  });
}

// services lists what one can log in to; from is where the focus goes back to.
export function services(from) {
  if (!box.hidden && !foot) return close();
  close(false);
  open("services", from, null, async () => on.services().map((p) => (
    { command: "/login " + p.id, group: "", name: p.name, facts: [p.id], now: p.configured && "logged in" })));
}

const size = (n) => (n >= 1e6 ? +(n / 1e6).toFixed(1) + "M" : Math.round(n / 1000) + "k") + " tokens";

async function open(what, from, below, load) {
  const turn = ++asked;
  [items, notes, opener, foot] = [null, [], from, below];
  input = el("input", {
    type: "text", placeholder: "Search " + what, "aria-label": "Search " + what, role: "combobox", "aria-expanded": "true",
    "aria-controls": "picks", "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    oninput: draw, onkeydown: key,
  });
  box.setAttribute("aria-label", what === "models" ? "Choose a model" : "Log in to a service");
  box.replaceChildren(input, el("div", { id: "picks", role: "listbox", "aria-label": what }), el("div", { class: "picker-foot" }));
  box.hidden = false;
  chip.setAttribute("aria-expanded", "true");
  input.focus();
  draw();
  try {
    const got = await load();
    if (turn === asked) items = got;
  } catch {
    if (turn === asked) [items, notes] = [[], ["The gateway cannot be reached. Try again in a moment."]];
  }
  if (turn === asked) draw();
}

function close(back = true) {
  if (box.hidden) return;
  asked++;
  box.hidden = true;
  chip.setAttribute("aria-expanded", "false");
  if (back) opener.focus();
}

function draw() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const m of items ?? []) {
    const text = `${m.command} ${m.name} ${m.group}`.toLowerCase();
    if (words.every((w) => text.includes(w))) groups.set(m.group, [...(groups.get(m.group) ?? []), m]);
  }
  rows = [...groups.values()].flat();
  const list = box.querySelector("#picks");
  list.replaceChildren(...[...groups].map(([name, own]) => el("div", { role: "group", "aria-label": name || "All" },
    name && el("div", { class: "picker-group", "aria-hidden": "true" }, name), own.map(row))));
  if (!items) list.append(el("p", { class: "picker-say" }, el("span", { class: "spinner" }), "Asking the services…"));
  else if (!rows.length) list.append(el("p", { class: "picker-say" }, items.length ? "Nothing has such a name." : "There is nothing yet."));
  const below = [...notes.map((n) => el("p", { class: "picker-say" }, icon("warn"), n)), foot].filter(Boolean);
  box.querySelector(".picker-foot").replaceChildren(...below);
  box.querySelector(".picker-foot").hidden = !below.length;
  mark(words.length ? 0 : Math.max(0, rows.findIndex((m) => m.now === "answers now")));
}

function row(m) {
  const facts = m.facts.filter(Boolean).join(" · ");
  return el("div", { class: "option", role: "option", "aria-selected": "false", title: m.command, onmousedown: (e) => { e.preventDefault(); take(m.command); } },
    el("b", {}, m.name), m.now && [icon("check"), el("b", { class: "sr" }, m.now)], facts && el("small", {}, facts));
}

function mark(i) {
  const options = [...box.querySelectorAll(".option")];
  chosen = options.length ? (i + options.length) % options.length : -1;
  options.forEach((o, n) => { o.id = "pick-" + n; o.setAttribute("aria-selected", String(n === chosen)); });
  if (chosen < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", "pick-" + chosen);
  options[chosen].scrollIntoView({ block: "nearest" });
}

function key(e) {
  if (e.isComposing) return;
  if (e.key === "ArrowDown") mark(chosen + 1);
  else if (e.key === "ArrowUp") mark(chosen - 1);
  else if (e.key === "Enter") { if (chosen >= 0) take(rows[chosen].command); }
  else return;
  e.preventDefault();
}

function take(command) {
  close(false);
  $("text").focus();
  on.send(command);
}

box.addEventListener("keydown", (e) => { if (e.key === "Escape") { e.stopPropagation(); close(); } });
document.addEventListener("mousedown", (e) => { if (!box.contains(e.target) && !opener?.contains(e.target)) close(false); });
box.addEventListener("focusout", (e) => { if (e.relatedTarget && !box.contains(e.relatedTarget) && e.relatedTarget !== opener) close(false); });
