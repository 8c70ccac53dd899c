// The search in the list of conversations: titles at once, what was said as soon as the gateway has looked.

import { $, clock, el } from "./dom.js";
import { api } from "./net.js";
import * as talks from "./talks.js";

const input = $("find"), few = 4; // so many conversations are seen at a glance
let hits = null, more = false, asked = 0, timer = 0;

// on is filled in by main.js: open(id, n) shows the message at a place of a conversation.
export const on = { open: () => {} };

export function focus() {
  $("find-box").hidden = false;
  input.focus();
  input.select();
}

const wanted = () => input.value.trim().toLowerCase();

// draw shows what was found in place of the list, while something is sought.
export function draw() {
  $("find-box").hidden = talks.ordered().length <= few && !wanted() && document.activeElement !== input;
  const words = wanted().split(/\s+/).filter(Boolean);
  if (!words.length) return;
  for (const h of $("list").querySelectorAll("h2")) h.remove();
  for (const row of $("list").querySelectorAll(".talk")) {
    if (!words.every((w) => row.querySelector(".talk-title").textContent.toLowerCase().includes(w))) row.remove();
  }
  const titles = $("list").querySelectorAll(".talk").length;
  if (titles) $("list").prepend(el("h2", {}, "Conversations"));
  if (hits?.length) $("list").append(el("h2", {}, "Messages"), ...hits.map((h) => row(h, words)));
  if (more) $("list").append(el("p", { class: "list-empty" }, "There is more: seek something narrower."));
  if (!titles && !hits?.length) $("list").append(el("p", { class: "list-empty" }, hits ? "Nothing was found." : "Looking…"));
}

function row(h, words) {
  return el("div", { class: "talk hit" },
    el("a", { href: "#c=" + h.c, onclick: (e) => { e.preventDefault(); on.open(h.c, h.n); } },
      el("span", { class: "hit-text" }, ...marked(h.text, words)),
      el("small", {}, `${talks.get(h.c)?.title || "Conversation"}, ${clock(h.time)}`)));
}

// marked makes of a text, without the signs of its markup, pieces in which the words stand out.
function marked(text, words) {
  const re = new RegExp(`(${words.map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return text.replace(/\*\*|`+/g, "").split(re).map((piece, i) => (i % 2 ? el("mark", {}, piece) : piece));
}

async function look() {
  const turn = ++asked, q = wanted();
  if (!q) return;
  try {
    const got = await api("POST", "/search", { text: q });
    if (turn !== asked) return;
    hits = got.hits;
    more = !!got.more;
  } catch { // titles are found without the gateway
    if (turn !== asked) return;
    hits = [];
  }
  talks.draw();
  $("live").textContent = `${$("list").querySelectorAll(".talk").length} found`;
}

input.addEventListener("input", () => {
  asked++;
  hits = null;
  more = false;
  talks.draw();
  clearTimeout(timer);
  timer = setTimeout(look, 200);
});
input.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && input.value) {
    e.preventDefault();
    e.stopPropagation();
    input.value = "";
    input.dispatchEvent(new Event("input"));
  } else if (e.key === "ArrowDown" || e.key === "Enter") {
    e.preventDefault();
    $("list").querySelector("a")?.focus();
  }
});
$("list").addEventListener("keydown", (e) => {
  if (e.altKey || (e.key !== "ArrowDown" && e.key !== "ArrowUp")) return;
  const links = [...$("list").querySelectorAll("a")], at = links.indexOf(document.activeElement);
  if (at < 0) return;
  e.preventDefault();
  (links[at + (e.key === "ArrowDown" ? 1 : -1)] ?? (e.key === "ArrowUp" ? input : links[at])).focus();
});
