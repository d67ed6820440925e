// What looks at pages by itself: mail scanners, link previews, prefetching browsers. They come often, with every method that promises to
// change nothing, with a session and without one, and some run scripts. tests/browser.rs compares everything on disk before and after.

import { ask, base, check, inTurns, pagesOf, place, play, visitor } from "./lib.mjs";

const TIMES = 100;

play(async (browser) => {
  const owner = place.accounts.find((account) => account.role === "owner");
  const { pages } = await pagesOf("Admin", owner);
  const { pages: open } = await pagesOf("Public");
  const targets = [...place.routes, ...place.programs, ...place.paths, ...pages, ...open].map(({ door, path }) => `${base(door)}${path.replaceAll(/[{}]/g, "x")}`);
  const urls = [...new Set(targets)];
  const calls = urls.flatMap((url) => ["GET", "HEAD", "OPTIONS"].flatMap((method) => [owner.session, undefined].map((session) => ({ url, method, session }))));
  await inTurns(4, calls.map((call) => () => often(call)));
  await look(browser, owner, pages);
  await look(browser, undefined, open);
});

async function often({ url, method, session }) {
  for (let time = 0; time < TIMES; time += 1) {
    const { code } = await ask(url, { method, session, fields: { Purpose: "prefetch" } });
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
