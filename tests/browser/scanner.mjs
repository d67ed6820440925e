// A scanner with a browser: it follows every link of a digest, and presses every button that it finds, one after another, from the first
// to the last and from the last to the first.

import { place, play, visitor } from "./lib.mjs";

play(async (browser) => {
  const at = (network) => visitor(browser, { extraHTTPHeaders: { "X-Forwarded-For": network }, ignore: ["Failed to load resource"] });
  if (place.elsewhere) {
    // The reader's own program has shown the links already, or the scanner asks from several networks itself.
    const other = await at("203.0.113.9");
    const page = await other.newPage();
    for (const link of place.links) await page.goto(link);
    await other.close();
  }
  const scanner = await at("198.51.100.7");
  let presses = 0;
  for (const backwards of [false, true]) {
    for (const link of place.links) presses += await pressAll(scanner, link, backwards);
  }
  console.log(`${place.links.length} links, ${presses} presses`);
  await scanner.close();
});

async function pressAll(context, link, backwards) {
  const page = await context.newPage();
  let presses = 0;
  for (let number = 0; ; number += 1) {
    await page.goto(link);
    const buttons = page.locator("main form button, main form input[type=submit]");
    const count = await buttons.count();
    if (number >= count) break;
    const loaded = page.waitForEvent("load");
    await buttons.nth(backwards ? count - 1 - number : number).click();
    await loaded;
    presses += 1;
  }
  // Forms as they stand, with no button pressed.
  const forms = await page.locator("main form").count();
  for (let number = 0; number < forms; number += 1) {
    await page.goto(link);
    const loaded = page.waitForEvent("load");
    const found = await page.evaluate((number) => {
      const form = document.querySelectorAll("main form")[number];
      form?.submit();
      return form !== undefined && form !== null;
    }, number);
    if (!found) break;
    await loaded;
    presses += 1;
  }
  await page.close();
  return presses;
}
