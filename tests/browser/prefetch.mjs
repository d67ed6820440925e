// What looks at pages by itself: mail scanners, link previews, prefetching browsers. They come often, with every method that promises to
// change nothing, with a session and without one, and some run scripts. main.rs compares everything on disk before and after.

import { ask, base, check, inTurns, pagesOf, place, play, timed, visitor } from "./lib.mjs";

/// Of each method, at what is one mail's alone; at other pages, which are many, a part of it.
const TIMES = 100;
const TIMES_ELSEWHERE = 20;

play(async (browser) => {
  const owner = place.accounts.find((account) => account.role === "owner");
  const at = { Admin: owner, Public: place.anna };
  const [{ pages }, { pages: open }] = [await pagesOf("Admin", owner), await pagesOf("Public", place.anna)];
  const targets = [...place.paths, ...place.routes, ...place.programs, ...pages, ...open];
  const often = new Set(place.paths.map(({ door, path }) => base(door) + path));
  const urls = new Map(targets.map(({ door, path }) => [`${base(door)}${path.replaceAll(/[{}]/g, "x")}`, at[door]]));
  const calls = [...urls].flatMap(([url, account]) => ["GET", "HEAD", "OPTIONS"].map((method) => ({ url, method, account })));
  await timed(`${calls.length} calls, each some times`, () =>
    inTurns(4, calls.map((call) => () => again(call, often.has(call.url) ? TIMES : TIMES_ELSEWHERE))));
  await timed("with scripts", async () => {
    await look(browser, owner, pages);
    await look(browser, place.anna, open);
    await look(browser, undefined, open);
  });
});

/// Half of the times with the session, half without.
async function again({ url, method, account }, times) {
  for (let time = 0; time < times; time += 1) {
    const { code } = await ask(url, { method, account: time % 2 === 0 ? account : undefined, fields: { Purpose: "prefetch" } });
    check(code < 500 || code === 503, `${method} ${url}: ${code}`);
  }
}

/// As a scanner with a browser does: scripts run, the mouse passes over everything, each link is followed unseen.
async function look(browser, account, pages) {
  const context = await visitor(browser, { account, ignore: ["Failed to load resource"] });
  const page = await context.newPage();
  for (const { door, path } of pages) {
    await page.goto(base(door) + path);
    await page.evaluate(async () => {
      for (const one of document.querySelectorAll("a, button, input, select, summary")) {
        for (const kind of ["pointerover", "mouseover", "focus", "touchstart"]) one.dispatchEvent(new Event(kind, { bubbles: true }));
      }
      scrollTo(0, document.body.scrollHeight);
      if (location.port === new URL(document.baseURI).port && document.querySelector("script")) {
        for (const link of document.querySelectorAll("a[href^='/']")) await fetch(link.href, { redirect: "manual" });
      }
    });
  }
  await context.close();
}
