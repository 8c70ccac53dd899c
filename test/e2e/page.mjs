// A person on a fresh machine: opens the page, logs in with a key, talks to models; then everything goes wrong once.

import { answered, ask, check, context, enter, log, main, same, say, shot } from "../browser/lib.mjs";

const key = "sk-ant-api03-FAKE-e2e-canary-000111222333";

main(async () => {
  const ctx = await context();
  const page = await enter(ctx);
  await shot(page, "e2e-first");

  // Before any login: what to do, and buttons that do it.
  await say(page, "hello there");
  await answered(page, "No model is set up yet");
  await page.click("#log .bot >> text=Log in >> nth=-1");
  await answered(page, "Which provider do you want to log in to?");
  await shot(page, "e2e-login");
  await page.locator("#log .bot").last().locator("button", { hasText: "Anthropic" }).first().click();
  await page.waitForSelector(".card input[type=password], .card button");
  if (await page.locator(".card input[type=password]").count() === 0) await page.locator(".card button, #log .bot button", { hasText: "API key" }).last().click();
  await page.waitForSelector(".card input[type=password]");
  await shot(page, "e2e-form");
  await page.fill(".card input", key);
  await page.keyboard.press("Enter");
  await answered(page, "Logged in to Anthropic");
  same(await ask("traces", key), [], "traces of the key");
  check(!(await page.content()).includes(key), "the page does not show the key");

  // A reply.
  await say(page, "hello");
  await answered(page, "Nice to meet you");
  await shot(page, "e2e-answer");

  // The model is chosen by buttons, by name, and says which it is.
  await say(page, "/model");
  await page.locator("#log .bot").last().locator("button").first().waitFor();
  await page.click("#model");
  await page.fill("#picker input", "sonnet");
  const first = await page.locator("#picker .option").first().getAttribute("title");
  await page.keyboard.press("Enter");
  await page.locator("#log .mine", { hasText: first }).waitFor();
  await answered(page, "From now on");
  await say(page, "/model status");
  await answered(page, "Endpoint");
  await say(page, "/auth");
  await answered(page, "Anthropic");

  await say(page, "/new");
  await answered(page, "A new conversation");

  // Failures: a sentence each, never the provider's own words.
  for (const [text, want] of [["bad key", "no longer valid"], ["too many", /too many requests|asks to wait/], ["no money", "no credit"],
    ["overload", "overloaded"], ["no right", "does not allow this"], ["no model", "does not have this model"], ["too long", "too long for the model"],
    ["broken", "overloaded or failing"], ["wrong request", "did not take the request"], ["say nothing", "did not answer in time"], ["cut yourself", "cut off by Anthropic"]]) {
    await page.click("#new"); // nothing of what was said before is shown
    await page.waitForSelector("#hello:not([hidden])");
    await say(page, text);
    await answered(page, want);
    await say(page, "/auth anthropic check"); // a check that works ends a cool-down
    await answered(page, "Anthropic");
  }
  check(!(await page.content()).includes("FAKE-BODY"), "no provider's words are shown");
  await shot(page, "e2e-failures");

  // What answers nothing at all, and is there again.
  await ask("gone");
  await page.click("#new");
  await say(page, "hello out there");
  await answered(page, "cannot be reached from this host");
  await ask("back");
  await page.locator("#log .bot").last().locator("button", { hasText: /again/i }).click();
  await answered(page, "Nice to meet you");

  // A restart in the middle of a reply: it is answered afterwards, in one message.
  await page.click("#new");
  await say(page, "slowly please");
  await page.locator("#log .growing", { hasText: "One word" }).waitFor();
  await ask("kill");
  await ask("start");
  await answered(page, "come back to it again.");
  same(await page.locator("#log .bot", { hasText: "One word" }).count(), 1, "messages that show the answer");

  // A restart in the middle of a login: said, and nothing is stuck.
  await say(page, "/login openai");
  await page.waitForSelector(".card input[type=password], .card button");
  await ask("stop");
  await ask("start");
  await page.waitForSelector(".card", { state: "detached" });
  await say(page, "again");
  await page.locator("#log .bot:not(.growing)", { hasText: /Here I am again|cut by a restart/ }).last().waitFor();

  // Logged out: the next message says so.
  await say(page, "/logout anthropic:default");
  await answered(page, "Logged out of Anthropic");
  await say(page, "hello");
  await answered(page, "Nobody is logged in to Anthropic");
  same(await ask("traces", key), [], "traces of the key at the end");
  same(ctx.faults, [], "complaints in the console");
  same(ctx.elsewhere, [], "requests to elsewhere");
  log("done");
});
