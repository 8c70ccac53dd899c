// An owner signs in to a company's issuer on the page: by the link that comes back to this host, by what is pasted, by a
// code; gives one up, begins one twice, and logs out.

import { answered, ask, check, context, enter, log, main, same, say, shot } from "../browser/lib.mjs";

main(async () => {
  const ctx = await context();
  const page = await enter(ctx);
  const link = page.locator("#log .bot a.choice", { hasText: "Sign in to Company AI" });
  const shown = async () => { await link.last().waitFor(); return link.last().getAttribute("href"); };
  const closed = () => link.last().waitFor({ state: "detached" });
  const none = async (when) => same(await link.count(), 0, "links " + when);

  // The link, opened in the browser, comes back to the gateway's listener: nothing is typed.
  await say(page, "/login company browser");
  await shown();
  await shot(page, "e2e-sign-in");
  const [popup] = await Promise.all([ctx.waitForEvent("page"), link.last().click()]);
  await popup.waitForSelector("text=Thank you");
  await popup.close();
  await answered(page, "is through");
  await answered(page, "Logged in to Company AI");
  await closed();
  await say(page, "hello");
  await answered(page, "Hello from the company.");

  // Another device: what the browser ended on is pasted. Begun twice it goes on; a wrong paste is asked again.
  await say(page, "/login company:phone browser");
  const first = await shown();
  await say(page, "/login company:phone browser");
  await answered(page, "waiting for your answer already");
  same(await shown(), first, "the link after it was begun twice");
  await say(page, "https://example.org/nothing");
  await answered(page, "There is no code in this");
  await say(page, await ask("visit", await shown()));
  await answered(page, "as company:phone");
  await none("after a sign-in that was asked again");

  // A code for any device; the page notices by itself.
  await say(page, "/login company:device device");
  const code = page.locator("#log .bot code", { hasText: /^\s*[A-Z]{4}-[A-Z]{4}\s*$/ }).last();
  await code.waitFor();
  await shot(page, "e2e-device-code");
  await ask("device", (await code.textContent()).trim());
  await answered(page, "as company:device");

  // Declined: the page that the browser ends on says so, and the chat says what to do, by a link and by a code.
  await ask("deny", "yes");
  await say(page, "/login company:never browser");
  await shown();
  const [refused] = await Promise.all([ctx.waitForEvent("page"), link.last().click()]);
  await refused.waitForSelector("text=declined");
  await refused.close();
  await answered(page, "did not work");
  await answered(page, "was declined on the page of Company AI. Begin again with /login");
  const declined = page.locator("#log .bot", { hasText: "was declined on the page of Company AI" });
  same(await declined.count(), 1, "times that it was said");
  await say(page, "/login company:never device");
  await code.waitFor();
  await ask("device", (await code.textContent()).trim());
  await declined.nth(1).waitFor();
  await ask("deny", "");

  // Given up.
  await say(page, "/login company:never browser");
  await shown();
  await page.locator("#log .bot button", { hasText: "Cancel" }).last().click();
  await answered(page, "Canceled");
  await none("after it was given up");

  // One provider, and its buttons; then out.
  await say(page, "/auth company");
  await page.locator("#log .bot button", { hasText: "Renew now" }).first().click();
  await answered(page, "is renewed");
  await say(page, "/auth company order phone default device");
  await answered(page, "company:phone, company, company:device");
  await say(page, "/logout company all");
  await answered(page, "ended at the provider");
  await say(page, "hello");
  await answered(page, "None of the logins that the order set for Company AI names is there");
  check(!(await page.content()).includes("FAKE-client-secret"), "no secret on the page");
  same(ctx.faults, [], "complaints in the console");
  log("done");
});
