// What the scripts share: the browser, and the way to the test that runs them.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { mkdirSync } from "node:fs";

const { chromium } = createRequire(new URL("../peers/package.json", import.meta.url))("playwright-core");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// ask has the test do something, and gives what it says.
export async function ask(what, arg = "") {
  process.stdout.write("@" + JSON.stringify({ do: what, arg }) + "\n");
  const { value } = await lines.next();
  const { got, err } = JSON.parse(value);
  if (err) throw new Error(`${what}: ${err}`);
  return got;
}

export const log = (...a) => process.stdout.write(a.join(" ").replaceAll("\n", " ") + "\n");

export function check(ok, what) {
  if (!ok) throw new Error("not so: " + what);
}

export function same(got, want, what) {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

let browser;

export async function launch() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND , EXCLUDE 127.0.0.1, EXCLUDE localhost"],
  });
  return browser;
}

// context opens a browser of one person. faults collects what the page's console and its policy complain of.
export async function context(options = {}) {
  const ctx = await (await launch()).newContext({ viewport: { width: 1280, height: 800 }, ...options });
  ctx.setDefaultTimeout(30000);
  ctx.faults = [];
  ctx.elsewhere = [];
  const own = new URL(await ask("url")).origin;
  ctx.on("request", (r) => { if (/^https?:/.test(r.url()) && new URL(r.url()).origin !== own) ctx.elsewhere.push(r.url()); });
  ctx.on("console", (m) => { if (m.type() === "error" && !/net::ERR|Failed to load resource/.test(m.text())) ctx.faults.push(m.text()); });
  ctx.on("weberror", (e) => ctx.faults.push(String(e.error().stack ?? e.error())));
  return ctx;
}

// enter opens the page by a fresh link.
export async function enter(ctx) {
  const page = await ctx.newPage();
  await page.goto(await ask("link"));
  await page.waitForSelector("#app:not([hidden])");
  await page.waitForSelector("#hello:not([hidden]), #log > *");
  return page;
}

export async function say(page, text) {
  await page.fill("#text", text);
  await page.click("#send");
}

// answered waits for the bot's message with this text, whole.
export const answered = (page, text) => page.locator("#log .bot:not(.growing)", { hasText: text }).last().waitFor();

export async function shot(page, name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.waitForTimeout(350); // animations end
  await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}

// main runs a script's body and ends the browser however that ends.
export async function main(body) {
  let failed = false;
  try {
    await body();
  } catch (err) {
    failed = true;
    process.stderr.write(String(err.stack ?? err) + "\n");
    for (const page of browser?.contexts().flatMap((c) => c.pages()) ?? []) {
      process.stderr.write("The page shows:\n" + (await page.innerText("body").catch(String)) + "\n");
    }
  }
  await browser?.close();
  process.exit(failed ? 1 : 0);
}
