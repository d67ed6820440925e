// Pages in held mails, as a reviewer opens them: in the frame, and once more without the frame and its policies, so that the sanitising
// stands alone. Whatever would run calls alert, and whatever would be fetched is asked of attack.example (suites/xss/vectors.toml).

import { check, inTurns, place, play, timed, visitor } from "./lib.mjs";

play(async (browser) => {
  const owner = place.accounts.find((account) => account.role === "owner");
  const groups = [0, 1, 2].map((group) => place.ids.filter((_, number) => number % 3 === group));
  await timed(`${place.ids.length} pages alone`, () => inTurns(3, groups.map((ids) => () => alone(browser, owner, ids))));
  const some = place.ids.filter((_, number) => number % 6 === 0);
  await timed(`${some.length} pages in their frames`, () => framed(browser, owner, some));
});

async function alone(browser, account, ids) {
  const context = await visitor(browser, { account, bypassCSP: true, ignore: ["status of 404"] });
  const page = await context.newPage();
  for (const id of ids) {
    const url = `${place.admin}/held/${id}/page`;
    await page.goto(url);
    await touchAll(page);
    check(page.url() === url, `${id}: the page went to ${page.url()}`);
    check((await page.innerText("body")).includes("Hej!"), `${id}: the rest of it is shown`);
  }
  await context.close();
}

async function framed(browser, account, ids) {
  // Chromium says so for each thing that the policy of the frame forbids; there should be none left to forbid.
  const context = await visitor(browser, { account });
  const page = await context.newPage();
  for (const id of ids) {
    await page.goto(`${place.admin}/held/${id}/content`);
    const frame = page.locator("iframe");
    await frame.scrollIntoViewIfNeeded();
    const inside = page.frameLocator("iframe").locator("body");
    check((await inside.innerText()).includes("Hej!"), `${id}: the frame shows the mail`);
    check((await frame.getAttribute("sandbox")) === "", `${id}: the frame may do nothing`);
    check(page.frames().length === 2, `${id}: ${page.frames().length} frames`);
  }
  await context.close();
}

/// What waits for somebody to pass over it, to click, or to lose the focus.
async function touchAll(page) {
  await page.evaluate(async () => {
    for (const one of document.querySelectorAll("*")) {
      for (const kind of ["pointerover", "mouseover", "focus", "blur", "error", "load", "toggle"]) one.dispatchEvent(new Event(kind));
      if (one.localName !== "a") one.click?.();
    }
    await new Promise((done) => setTimeout(done, 5));
  });
}
