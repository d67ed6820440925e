// A digest on a telephone: two taps, and the mail is on its way.

import { mkdirSync } from "node:fs";
import { PHONE, check, place, play, visitor } from "./lib.mjs";

play(async (browser) => {
  mkdirSync(place.screenshots, { recursive: true });
  const context = await visitor(browser, { viewport: PHONE, hasTouch: true, isMobile: true, locale: "sv-SE", ignore: ["status of 404"] });
  const page = await context.newPage();
  const picture = (name) => page.screenshot({ path: `${place.screenshots}/digest-${name}.png`, fullPage: true });
  // As a mail program shows it.
  await page.setContent(place.digest);
  await picture("mail");
  await isForThumbs(page);
  const began = Date.now();
  let taps = 0;
  const tap = async (target) => {
    taps += 1;
    const loaded = page.waitForEvent("load");
    await target.tap();
    await loaded;
  };
  const link = await linkBeside(page, place.subject, "Leverera");
  check(link !== undefined, "the row has a button for delivering");
  await tap(page.locator(`a[href="${link}"]`));
  check(page.url() === link, `the button leads to ${page.url()}`);
  const text = await page.innerText("main");
  check(text.includes(place.subject) && text.includes("karin@far.example"), `the page says which mail it is: ${text}`);
  check((await page.locator("html").getAttribute("lang")) === "sv", "it is in the reader's language");
  await picture("tap");
  await tap(page.getByRole("button", { name: "Leverera" }));
  check((await page.innerText("h1")) === "Levererat", `done: ${await page.innerText("h1")}`);
  console.log(`taps: ${taps}, ${Date.now() - began} ms of the program`);
  check((await page.getByRole("button", { name: "Ångra" }).count()) === 1, "it can be undone");
  await picture("done");
  // A second time there is nothing to press; what is said is who did it.
  await page.goto(link);
  check((await page.innerText("h1")).startsWith("Redan levererat"), `again: ${await page.innerText("h1")}`);
  await picture("again");
  await context.close();
});

/// The link with this word that stands in the same row as a subject.
function linkBeside(page, subject, word) {
  return page.evaluate(([subject, word]) => {
    const links = [...document.querySelectorAll("a[href*='/m/']")].filter((link) => link.innerText.trim() === word);
    const row = (link) => {
      for (let up = link; up; up = up.parentElement) if (up.innerText.includes(subject)) return up;
    };
    // The nearest thing around it that names the subject is the smallest.
    return links.sort((one, other) => row(one).innerText.length - row(other).innerText.length)[0]?.href;
  }, [subject, word]);
}

/// Buttons are wide and high enough for a thumb, and nothing is cut off or leaves the screen.
async function isForThumbs(page) {
  const buttons = await page.evaluate(() => [...document.querySelectorAll("a[href*='/m/']")].map((link) => {
    const { width, height } = link.getBoundingClientRect();
    return { width, height, text: link.innerText };
  }));
  check(buttons.length >= 9, `${buttons.length} buttons`);
  for (const { width, height, text } of buttons) check(width >= 44 && height >= 44, `${text} is ${width} by ${height}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= PHONE.width, `the digest is ${wide} wide`);
}
