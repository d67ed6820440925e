// Files too large for a mail, on their reader's telephone: a link in a letter, a button, and the files.

import { statSync } from "node:fs";
import { AXE, PHONE, check, place, play, visitor } from "./lib.mjs";

play(async (browser) => {
  const context = await visitor(browser, { viewport: PHONE, hasTouch: true, isMobile: true, locale: "en-GB", colorScheme: "light" });
  const page = await context.newPage();
  await page.goto(place.link);
  check(!(await page.innerText("main")).includes("piirustus"), "the link alone shows nothing");
  await page.screenshot({ path: `${place.screenshots}/portal-files-door.png`, fullPage: true });
  await isFit(page);
  await page.getByRole("button", { name: "Show the files" }).tap();
  await page.getByRole("heading", { name: "Files", exact: true }).waitFor();
  const text = await page.innerText("main");
  check(text.includes("piirustus.bin") && text.includes("nobody has checked"), `the files: ${text}`);
  await page.screenshot({ path: `${place.screenshots}/portal-files.png`, fullPage: true });
  await isFit(page);
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download piirustus.bin" }).tap();
  const file = await saved;
  check(statSync(await file.path()).size === 45 << 20, "it is as large as it was");
  await context.close();
});

async function isFit(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= PHONE.width, `it is ${wide} wide`);
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => `${impact} ${id} at ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  });
  for (const one of found) check(false, `axe finds ${one}`);
}
