// The messages of the conversation that is looked at.

import { $, clock, copyButton, el, fragment, icon, random, size, toast } from "./dom.js";
import { api, base, Refused } from "./net.js";

const log = $("log"), scroll = $("scroll");
const shown = new Map(); // id → { m, node, body, raw }
let conv = "", stick = true, typingUntil = 0, typingTimer = 0;

// on is filled in by main.js: send(text) sends a message, changed() is called after every change.
export const on = { send: () => {}, changed: () => {}, hasCommand: () => false };

export const isEmpty = () => shown.size === 0;
export const isBusy = () => Date.now() < typingUntil || [...shown.values()].some((s) => s.m.growing);
export const has = (id) => shown.has(id);
export const lastMine = () => [...shown.values()].filter((s) => s.m.mine).sort((a, b) => b.m.n - a.m.n)[0]?.m.text ?? "";

// show begins with another conversation.
export function show(id) {
  conv = id;
  sought = null;
  clear();
  $("pending").replaceChildren();
  stick = true;
  setTyping(0);
  $("earlier").hidden = true;
  $("latest").hidden = true;
}

function clear() {
  shown.clear();
  log.replaceChildren();
}

// apply takes a change of the stream over.
export function apply(c) {
  if (c.whole) {
    clear();
    $("earlier").hidden = !c.more;
  }
  for (const m of c.messages ?? []) upsert(m, !c.whole);
  for (const id of c.removed ?? []) remove(id);
  if (c.typing !== undefined) setTyping(c.typing);
  markLast();
  if (sought !== null && c.whole) return seek();
  if (stick) toEnd();
  else if (c.messages?.some((m) => !m.mine)) $("latest").hidden = false;
}

function remove(id) {
  const s = shown.get(id);
  if (!s) return;
  s.node.classList.add("leaving");
  setTimeout(() => s.node.remove(), 200);
  shown.delete(id);
}

function upsert(m, fresh) {
  let s = shown.get(m.id);
  const wasGrowing = s?.m.growing;
  if (!s) {
    s = { node: el("article", { class: "message " + (m.mine ? "mine" : "bot") }), raw: [] };
    s.body = el("div", { class: m.mine ? "bubble" : "prose", dir: "auto" });
    s.node.append(el("h2", { class: "sr" }, m.mine ? "You" : "Gateway"), s.body);
    shown.set(m.id, s);
    if (fresh) s.node.classList.add("fresh");
    place(s.node, m.n);
  }
  s.m = m;
  s.node.classList.toggle("growing", !!m.growing);
  s.node.setAttribute("aria-busy", m.growing ? "true" : "false");
  if (m.mine) s.body.textContent = m.text ?? "";
  else blocks(s, m.html ?? "");
  s.body.hidden = m.mine ? !m.text : !m.html;
  extras(s, m);
  if (fresh && !m.mine && !m.growing) {
    if (wasGrowing || !s.spoken) announce(s.body.textContent);
    s.spoken = true;
  }
}

// place puts a node where its number belongs; nearly always that is the end.
function place(node, n) {
  node.dataset.n = n;
  let after = log.lastElementChild;
  while (after && Number(after.dataset.n) > n) after = after.previousElementSibling;
  if (after) after.after(node);
  else log.prepend(node);
}

// blocks shows HTML and touches only the blocks that changed, so that a growing answer keeps what is selected in it.
function blocks(s, html) {
  const fresh = [...fragment(html).childNodes].filter((n) => n.nodeType === Node.ELEMENT_NODE || n.textContent.trim());
  fresh.forEach((node, i) => {
    const raw = node.outerHTML ?? node.textContent;
    if (s.raw[i] === raw) return;
    const old = s.body.childNodes[i];
    const code = node.nodeName === "PRE" && old?.querySelector?.(":scope > pre > code");
    if (code && code.className === node.firstElementChild?.className) code.textContent = node.textContent.replace(/\n$/, "");
    else if (old) old.replaceWith(decorate(node));
    else s.body.append(decorate(node));
    s.raw[i] = raw;
  });
  while (s.body.childNodes.length > fresh.length) s.body.lastChild.remove();
  s.raw.length = fresh.length;
}

// decorate gives code its copy button and wide things a frame to scroll in, also within lists and quotes.
function decorate(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return el("p", {}, node);
  if (node.nodeName === "PRE") return codeBlock(node);
  if (node.nodeName === "TABLE") return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table" }, node);
  for (const pre of node.querySelectorAll("pre")) {
    const mark = document.createComment("");
    pre.replaceWith(mark);
    mark.replaceWith(codeBlock(pre));
  }
  for (const table of node.querySelectorAll("table")) {
    const frame = el("div", { class: "wide" });
    table.replaceWith(frame);
    frame.append(table);
  }
  return node;
}

function codeBlock(pre) {
  const lang = /language-([\w+#.-]+)/.exec(pre.firstElementChild?.className ?? "")?.[1] ?? "";
  const code = pre.firstElementChild ?? pre;
  code.textContent = code.textContent.replace(/\n$/, ""); // it would be shown as an empty line
  pre.tabIndex = 0;
  return el("div", { class: "code" },
    el("div", { class: "code-head" }, el("span", {}, lang), copyButton("Copy code", () => code.textContent)), pre);
}

// extras are the files, the buttons and the line of small actions under a message.
function extras(s, m) {
  const sign = JSON.stringify([m.files, m.choices, m.growing, m.text]);
  if (s.sign === sign) return;
  s.sign = sign;
  s.node.querySelectorAll(":scope > .files, :scope > .choices, :scope > .actions").forEach((n) => n.remove());
  if (m.files?.length) s.body.before(el("div", { class: "files" }, m.files.map(fileCard)));
  if (m.choices?.length) s.node.append(el("div", { class: "choices", role: "group", "aria-label": "Choices" }, m.choices.map((c) => choice(m, c))));
  if (!m.growing) s.node.append(actions(m));
}

function fileCard(f) {
  const url = `${base()}/files/${conv}/${f.id}`;
  if (/^image\/(png|jpeg|gif|webp)$/.test(f.type)) {
    return el("a", { href: url, target: "_blank", rel: "noopener", class: "picture" }, el("img", { src: url, alt: f.name, loading: "lazy" }));
  }
  return el("a", { href: url, download: f.name, class: "file" }, icon("file"), el("span", {}, f.name), el("small", {}, size(f.size)));
}

function choice(m, c) {
  if (c.url) return el("a", { class: "choice", href: c.url, target: "_blank", rel: "noopener noreferrer" }, c.label, icon("open"));
  return el("button", { type: "button", class: "choice", onclick: (e) => press(m, c, e.currentTarget) }, c.label);
}

// press sends a press until it is taken; what follows, the stream shows.
async function press(m, c, button) {
  const group = [...button.parentElement.children], id = random(16), where = conv;
  group.forEach((b) => { b.disabled = true; });
  button.classList.add("pressed");
  const again = () => group.forEach((b) => { b.disabled = false; b.classList.remove("pressed"); });
  for (let i = 0; i < 60; i++) {
    try {
      await api("POST", "/press", { c: where, id, message: m.id, press: c.press });
      setTimeout(again, 4000); // the message may keep its buttons
      return;
    } catch (err) {
      if (err instanceof Refused && err.final) {
        toast(err.message, "bad");
        return again();
      }
      await new Promise((r) => setTimeout(r, 1500));
    }
  }
  again();
}

function actions(m) {
  const text = m.text ?? "";
  return el("div", { class: "actions" },
    el("time", { datetime: new Date(m.time).toISOString() }, clock(m.time)),
    text && copyButton(m.mine ? "Copy message" : "Copy answer", () => text),
    !m.mine && on.hasCommand("retry") && !answersCommand(m) && el("button", {
      type: "button", class: "quiet small retry", "aria-label": "Answer again", title: "Answer again", onclick: () => on.send("/retry"),
    }, icon("again")));
}

// answersCommand: there is nothing to ask again.
function answersCommand(m) {
  const before = [...shown.values()].filter((s) => s.m.mine && s.m.n < m.n).sort((a, b) => b.m.n - a.m.n)[0];
  return !before || before.m.text?.startsWith("/");
}

function markLast() {
  log.querySelectorAll(".last").forEach((n) => n.classList.remove("last"));
  log.lastElementChild?.classList.add("last");
}

function setTyping(ms) {
  clearTimeout(typingTimer);
  typingUntil = ms > 0 ? Date.now() + ms : 0;
  $("typing").hidden = ms <= 0;
  if (ms > 0) typingTimer = setTimeout(() => { setTyping(0); on.changed(); }, ms);
  if (stick) toEnd();
}

// announce tells people who do not see the page; an answer that grows is told once, when it is whole.
function announce(text) {
  $("live").textContent = text.length > 600 ? text.slice(0, 600) + " …" : text;
}

export function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
  stick = true;
  $("latest").hidden = true;
}

scroll.addEventListener("scroll", () => {
  stick = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  if (stick) $("latest").hidden = true;
}, { passive: true });
$("latest").addEventListener("click", toEnd);
new ResizeObserver(() => { if (stick) toEnd(); }).observe(scroll);

// earlier shows the page of messages before the first one; it says whether it could.
async function earlier() {
  const first = Number(log.firstElementChild?.dataset.n ?? 0), where = conv, height = scroll.scrollHeight;
  try {
    const page = await api("GET", `/messages?c=${where}&before=${first}`);
    if (where !== conv) return false;
    stick = false;
    for (const m of page.messages ?? []) upsert(m, false);
    $("earlier").hidden = !page.more;
    scroll.scrollTop += scroll.scrollHeight - height;
    return true;
  } catch (err) {
    toast(err instanceof Refused ? err.message : "The gateway cannot be reached.", "bad");
    return false;
  }
}
$("earlier").addEventListener("click", earlier);

let sought = null; // the place of the message to go to, once the conversation is there

// reveal goes to a message by its place, as soon as it is there.
export function reveal(n) {
  sought = n;
  if (shown.size) seek();
}

async function seek() {
  const n = sought;
  sought = null;
  while (!log.querySelector(`[data-n="${n}"]`) && !$("earlier").hidden) if (!(await earlier())) return;
  const node = log.querySelector(`[data-n="${n}"]`);
  if (!node) return;
  stick = false;
  node.scrollIntoView({ block: "center" });
  node.classList.add("sought");
  setTimeout(() => node.classList.remove("sought"), 2500);
}
