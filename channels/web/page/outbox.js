// What the person sent and the gateway does not have yet. Each message has its id from the beginning, so that it can
// be sent again until it is taken and is taken once.

import { $, el, icon, random, size } from "./dom.js";
import { api, Refused } from "./net.js";
import { has } from "./chat.js";

const queue = []; // { c, id, text, files, quiet, state: "waiting" | "taken" | "refused", why, node }
let pumping = false, conv = "", wake = () => {};

// on is filled in by main.js: taken(item), refused(item).
export const on = { changed: () => {}, restore: () => {} };

// Messages that wait survive a reload of the tab. Commands do not: there may be a secret in one. Nor do files.
function save() {
  const keep = queue.filter((q) => q.state === "waiting" && !q.files.length && !q.text.startsWith("/"));
  try { sessionStorage.setItem("outbox", JSON.stringify(keep.map(({ c, id, text }) => ({ c, id, text })))); } catch { /* no room */ }
}

export function restore() {
  let kept = [];
  try { kept = JSON.parse(sessionStorage.getItem("outbox") ?? "[]"); } catch { /* not ours */ }
  for (const k of kept) queue.push({ ...k, files: [], state: "waiting" });
  pump();
}

export const waits = () => queue.some((q) => q.state === "waiting");

// send sends a message; it is shown at once.
export function send(c, text, files = [], quiet = false) {
  queue.push({ c, id: random(20), text, files, quiet, state: "waiting" });
  save();
  draw();
  pump();
}

// show draws what waits in a conversation.
export function show(c) {
  conv = c;
  for (const q of queue) q.node = null;
  $("pending").replaceChildren();
  draw();
}

// retry tries at once what waits for its turn.
export function retry() { wake(); }

async function pump() {
  if (pumping) return;
  pumping = true;
  for (let tries = 0, q; (q = queue.find((q) => q.state === "waiting")); ) {
    try {
      await api("POST", "/messages", { c: q.c, id: q.id, text: q.text, files: q.files.map(({ name, type, data }) => ({ name, type, data })), quiet: q.quiet });
      q.state = "taken";
      q.at = Date.now();
      tries = 0;
      setTimeout(settle, 2500);
    } catch (err) {
      if (err instanceof Refused && err.final) {
        if (err.status === 401) break;
        q.state = "refused";
        q.why = err.message;
      } else {
        q.late = true;
        draw();
        await new Promise((r) => { wake = r; setTimeout(r, Math.min(500 * 2 ** tries++, 5000)); });
      }
    }
    save();
    draw();
  }
  pumping = false;
}

// settle drops what the stream shows by now, and what was taken a while ago and is not shown: it was taken away.
export function settle() {
  for (let i = queue.length - 1; i >= 0; i--) {
    const q = queue[i];
    if (q.state === "taken" && (q.quiet || has(idOf(q)) || Date.now() - q.at > 2000)) {
      q.node?.remove();
      queue.splice(i, 1);
    }
  }
  on.changed();
}

const idOf = (q) => `${q.c}.u${q.id}`;

export function draw() {
  for (const q of queue) {
    if (q.c !== conv || q.quiet || has(idOf(q))) { q.node?.remove(); continue; }
    q.node ??= $("pending").appendChild(el("article", { class: "message mine pending fresh" },
      q.files.length > 0 && el("div", { class: "files" }, q.files.map(preview)),
      q.text && el("div", { class: "bubble", dir: "auto" }, q.text),
      el("div", { class: "pending-note" })));
    const note = q.node.querySelector(".pending-note");
    q.node.classList.toggle("refused", q.state === "refused");
    if (q.state === "refused") {
      note.replaceChildren(el("span", {}, q.why),
        el("button", { type: "button", class: "link", onclick: () => take(q, true) }, "Edit"),
        el("button", { type: "button", class: "link", onclick: () => take(q, false) }, "Remove"));
    } else {
      note.textContent = q.late && q.state === "waiting" ? "Waiting for the gateway; it is sent as soon as it answers." : "";
    }
  }
  on.changed();
}

function preview(f) {
  if (f.url) return el("span", { class: "picture" }, el("img", { src: f.url, alt: f.name }));
  return el("span", { class: "file" }, icon("file"), el("span", {}, f.name), el("small", {}, size(f.size)));
}

function take(q, edit) {
  queue.splice(queue.indexOf(q), 1);
  q.node?.remove();
  if (edit) on.restore(q.text);
  save();
  on.changed();
}
