// The box that messages are written in: text, files, and the commands that "/" offers.

import { $, el, icon, size, toast } from "./dom.js";
import { api } from "./net.js";

const text = $("text"), menu = $("menu"), chips = $("chips");
let files = [], commands = [], options = [], chosen = -1, asked = 0, limits = { files: 10, uploads: 12 << 20 };
const coarse = matchMedia("(pointer: coarse)");

// on is filled in by main.js: send(text, files), stop(), previous() gives the last message.
export const on = { send: () => {}, stop: () => {}, previous: () => "" };

export const setMenu = (list) => { commands = list; offer(); };
export const hasCommand = (name) => commands.some((c) => c.name === name);
export const setLimits = (l) => { limits = l; };
export const focus = () => { if (!coarse.matches) text.focus(); };

export function setText(s) {
  text.value = s;
  grow();
  focus();
  text.setSelectionRange(s.length, s.length);
  offer();
}

// setBusy shows the stop button while an answer is being made.
export function setBusy(busy) {
  $("stop").hidden = !busy;
  ready();
}

function ready() {
  $("send").disabled = !text.value.trim() && !files.length;
  $("send").hidden = !$("stop").hidden && $("send").disabled;
}

function grow() {
  text.style.height = "auto";
  text.style.height = Math.min(text.scrollHeight, innerHeight * 0.4) + "px";
  ready();
}

function submit() {
  const value = text.value.trim();
  if (!value && !files.length) return;
  on.send(value, files);
  files = [];
  drawChips();
  text.value = "";
  hide();
  grow();
}

$("composer").addEventListener("submit", (e) => { e.preventDefault(); submit(); });
$("stop").addEventListener("click", () => on.stop());
text.addEventListener("input", () => { grow(); offer(); });
text.addEventListener("blur", () => setTimeout(hide, 150));
text.addEventListener("keydown", (e) => {
  if (e.isComposing) return;
  if (options.length && pick(e)) return;
  if (e.key === "Enter" && !e.shiftKey && !coarse.matches) {
    e.preventDefault();
    submit();
  } else if (e.key === "ArrowUp" && !text.value) {
    const last = on.previous();
    if (last) { e.preventDefault(); setText(last); }
  } else if (e.key === "Escape" && !$("stop").hidden) {
    e.preventDefault();
    on.stop();
  }
});

// Files: chosen, dropped or pasted.

$("attach").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", (e) => { add(e.target.files); e.target.value = ""; });
text.addEventListener("paste", (e) => {
  if (!e.clipboardData.files.length) return;
  e.preventDefault();
  add(e.clipboardData.files);
});
const main = $("main");
let depth = 0;
main.addEventListener("dragenter", (e) => { if (e.dataTransfer.types.includes("Files")) { depth++; main.classList.add("drop"); } });
main.addEventListener("dragleave", () => { if (--depth <= 0) { depth = 0; main.classList.remove("drop"); } });
main.addEventListener("dragover", (e) => { if (e.dataTransfer.types.includes("Files")) e.preventDefault(); });
main.addEventListener("drop", (e) => {
  depth = 0;
  main.classList.remove("drop");
  if (!e.dataTransfer.files.length) return;
  e.preventDefault();
  add(e.dataTransfer.files);
});

async function add(list) {
  for (const f of list) {
    const total = files.reduce((n, o) => n + o.size, f.size);
    if (files.length >= limits.files) { toast(`At most ${limits.files} files go with a message.`, "bad"); break; }
    if (total > limits.uploads) { toast(`“${f.name}” is too large: at most ${size(limits.uploads)} go with a message.`, "bad"); continue; }
    const data = await new Promise((resolve) => {
      const r = new FileReader();
      r.onload = () => resolve(String(r.result).split(",")[1] ?? "");
      r.onerror = () => resolve(null);
      r.readAsDataURL(f);
    });
    if (data === null) { toast(`“${f.name}” could not be read.`, "bad"); continue; }
    files.push({ name: f.name || "picture.png", type: f.type, size: f.size, data, url: f.type.startsWith("image/") ? URL.createObjectURL(f) : "" });
  }
  drawChips();
  focus();
}

function drawChips() {
  chips.hidden = !files.length;
  chips.replaceChildren(...files.map((f) => el("span", { class: "file" },
    f.url ? el("img", { src: f.url, alt: "" }) : icon("file"), el("span", {}, f.name), el("small", {}, size(f.size)),
    el("button", { type: "button", class: "quiet small", "aria-label": `Remove ${f.name}`, onclick: () => { files = files.filter((o) => o !== f); drawChips(); } }, icon("close")))));
  ready();
}

// Commands: a list above the box. While the name is typed it offers commands, then the values of their arguments.

async function offer() {
  const value = text.value, turn = ++asked;
  $("hint").textContent = "";
  if (!value.startsWith("/") || value.includes("\n")) return hide();
  const words = value.split(" ");
  if (words.length === 1) {
    const name = value.slice(1).toLowerCase();
    const found = commands.filter((c) => c.name.startsWith(name));
    const more = name ? commands.filter((c) => !c.name.startsWith(name) && c.name.includes(name)) : [];
    return list([...found, ...more].map((c) => ({ label: "/" + c.name, args: usage(c), help: c.help, value: "/" + c.name + (c.args?.length ? " " : ""), done: !c.args?.length })));
  }
  const command = commands.find((c) => "/" + c.name === words[0].toLowerCase());
  const arg = command?.args?.[words.length - 2];
  if (!arg) return hide();
  const hint = arg.secret ? `${arg.name}: not kept, not shown` : [arg.name, arg.help].filter(Boolean).join(": ");
  let values = [];
  if (!arg.complete) {
    hide();
    $("hint").textContent = hint;
    return;
  }
  $("hint").textContent = hint;
  try { values = await api("POST", "/complete", { text: value }); } catch { /* it is an offer only */ }
  if (turn !== asked) return;
  const before = words.slice(0, -1).join(" ") + " ", last = words.length - 1 >= command.args.length;
  list(values.filter((v) => v !== words.at(-1)).map((v) => ({ label: v, value: before + v + (last ? "" : " "), done: last })));
}

const usage = (c) => (c.args ?? []).map((a) => (a.optional ? `[${a.name}]` : `<${a.name}>`)).join(" ");

function list(found) {
  options = found;
  chosen = found.length ? 0 : -1;
  menu.hidden = !found.length;
  menu.replaceChildren(...found.map((o, i) => el("div", {
    class: "option", role: "option", id: "option-" + i, "aria-selected": "false",
    onmousedown: (e) => { e.preventDefault(); use(o); },
  }, el("b", {}, o.label), o.args && el("i", {}, o.args), o.help && el("span", {}, o.help))));
  if (found.length) $("live").textContent = found.length === 1 ? `One choice: ${found[0].label}` : `${found.length} choices; the arrow keys go through them`;
  mark();
}

function mark() {
  [...menu.children].forEach((n, i) => n.setAttribute("aria-selected", String(i === chosen)));
  if (chosen >= 0) {
    text.setAttribute("aria-activedescendant", "option-" + chosen);
    menu.children[chosen].scrollIntoView({ block: "nearest" });
  } else text.removeAttribute("aria-activedescendant");
}

function hide() {
  asked++;
  options = [];
  chosen = -1;
  $("hint").textContent = "";
  menu.hidden = true;
  text.removeAttribute("aria-activedescendant");
}

function use(o) {
  setText(o.value);
  if (o.done) hide();
}

// pick handles a key while there are options; it says whether it did.
function pick(e) {
  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    chosen = (chosen + (e.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
    mark();
  } else if (e.key === "Tab" && !e.shiftKey) {
    use(options[chosen]);
  } else if (e.key === "Enter" && !e.shiftKey && options[chosen].value.trim() !== text.value.trim()) {
    use(options[chosen]);
  } else if (e.key === "Escape") {
    hide();
  } else return false;
  e.preventDefault();
  return true;
}
