// A hundred held mails, alike ones as one row, cleared by keyboard alone; the keys are counted.

import { check, place, play, visitor } from "./lib.mjs";

play(async (browser) => {
  const account = place.accounts.find((account) => account.role === "reviewer");
  const context = await visitor(browser, { account });
  const page = await context.newPage();
  await page.goto(`${place.admin}/held?alike=one`);
  const began = Date.now();
  let keys = 0;
  const press = async (key) => {
    keys += 1;
    await page.keyboard.press(key);
  };
  await press("j");
  for (let text = await row(page); text !== undefined; text = await row(page)) {
    await press(text.includes("Invoice") ? "r" : "d");
    check(keys < 200, "it does not end");
    if (keys >= 200) break;
  }
  check((await page.innerText("main")).includes("Nothing is held"), "the page says that nothing is left");
  console.log(`keys: ${keys}, ${Math.round((Date.now() - began) / 100) / 10} s of the program`);
  await context.close();
});

/// The row at hand; none when there is no row any more. The list may be on its way.
async function row(page) {
  for (let wait = 0; wait < 200; wait += 1) {
    const { text, empty } = await page
      .evaluate(() => ({
        text: document.querySelector(".mails li.here")?.innerText,
        empty: document.querySelectorAll(".mails li").length === 0 && document.querySelector("main .empty") !== null,
      }))
      .catch(() => ({}));
    if (text !== undefined) return text;
    if (empty && (await page.innerText("main").catch(() => "")).includes("Nothing is held")) return undefined;
    await page.waitForTimeout(50);
  }
  return undefined;
}
