// A letter with a link on a telephone: without scripts, by link and code to the message and its files.

import { mkdirSync, readFileSync } from "node:fs";
import { AXE, PHONE, check, place, play, visitor } from "./lib.mjs";

play(async (browser) => {
  mkdirSync(place.screenshots, { recursive: true });
  // Nothing of it needs a script; what measures it does.
  await picks(browser, { javaScriptEnabled: false, colorScheme: "light" }, place.first);
  await picks(browser, { javaScriptEnabled: true, colorScheme: "dark" }, place.second);
  await sends(browser);
});

async function picks(browser, view, { link, code }) {
  const context = await visitor(browser, {
    viewport: PHONE, hasTouch: true, isMobile: true, locale: "sv-SE", ignore: ["status of 403", "Blocked script execution"], ...view,
  });
  const page = await context.newPage();
  const look = view.colorScheme;
  const seen = async (name) => {
    await page.screenshot({ path: `${place.screenshots}/portal-${name}-${look}.png`, fullPage: true });
    if (view.javaScriptEnabled) await isFit(page, name);
  };
  await page.goto(link);
  check((await page.locator("html").getAttribute("lang")) === "sv", "it is in the reader's language");
  const door = await page.innerText("main");
  check(door.includes("anna@acme.example") && !door.includes("Medlemmar"), `the door says who sent it and nothing of it: ${door}`);
  await seen("door");
  await page.getByLabel("Kod, åtta siffror").fill("1234 5678");
  await press(page, "Öppna meddelandet");
  check((await page.innerText("main")).includes("Det är inte rätt kod"), "a wrong code is said to be wrong");
  await seen("wrong");
  await page.getByLabel("Kod, åtta siffror").fill(code);
  await press(page, "Öppna meddelandet");
  const text = await page.innerText("main");
  check(text.includes("Medlemmar för våren") && text.includes("Hej Bo"), `the message: ${text}`);
  await seen("message");
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Ladda ner medlemmar.xlsx" }).tap();
  const file = await saved;
  check(file.suggestedFilename() === "medlemmar.xlsx", `it is called ${file.suggestedFilename()}`);
  check(readFileSync(await file.path()).equals(Buffer.from(place.file, "base64")), "the file is as it was sent");
  // An answer with a file, as somebody writes it on a telephone.
  await page.getByLabel("Meddelande").fill("Tack, här är våra.");
  await page.getByLabel("Filer").setInputFiles({ name: "våra.txt", mimeType: "text/plain", buffer: Buffer.from("Fredag: Anna") });
  await page.getByRole("button", { name: "Skicka" }).tap();
  await page.getByRole("heading", { name: "Det är skickat" }).waitFor();
  await seen("answered");
  await page.goto(link);
  await press(page, "Stäng meddelandet");
  check((await page.innerText("h1")) === "Meddelandet är stängt", "it can be closed");
  await seen("closed");
  await page.goto(link);
  check((await page.getByLabel("Kod, åtta siffror").count()) === 1, "then it takes the code again");
  await context.close();
}

/// Somebody who has nothing from us sends files: one that is good, and one that nobody gets.
async function sends(browser) {
  const context = await visitor(browser, { viewport: PHONE, hasTouch: true, isMobile: true, locale: "fi-FI", colorScheme: "light" });
  const page = await context.newPage();
  for (const [name, content] of [["raportti.txt", "Kaikki hyvin"], ["lasku.txt", place.eicar]]) {
    await page.goto(`${place.public}/send/acme`);
    check((await page.innerText("h1")) === "Lähetä tiedostoja turvallisesti", `the page: ${await page.innerText("main")}`);
    await page.screenshot({ path: `${place.screenshots}/portal-send.png`, fullPage: true });
    await isFit(page, "send");
    await page.getByLabel("Nimesi").fill("Eeva Virtanen");
    await page.getByLabel("Sähköpostiosoitteesi").fill("eeva@virtanen.example");
    await page.getByLabel("Viesti").fill("Tässä, kuten sovittiin.");
    await page.getByLabel("Tiedostot").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(content) });
    await page.getByRole("button", { name: "Lähetä" }).tap();
    await page.getByRole("heading", { name: "Se on lähetetty" }).waitFor();
    await page.screenshot({ path: `${place.screenshots}/portal-sent.png`, fullPage: true });
  }
  await large(page);
  await context.close();
}

/// Files too large for a mail are dropped on the page, which shows how far they have come; one that is stopped can be sent again.
async function large(page) {
  await page.goto(`${place.public}/send/acme`);
  await page.getByLabel("Sähköpostiosoitteesi").fill("eeva@virtanen.example");
  await page.evaluate(() => {
    const all = new DataTransfer();
    all.items.add(new File([new Uint8Array(45 << 20)], "piirustus.bin"));
    const zone = document.querySelector("form[data-sending]").closest("section");
    for (const kind of ["dragenter", "dragover", "drop"]) {
      zone.dispatchEvent(new DragEvent(kind, { dataTransfer: all, bubbles: true, cancelable: true }));
    }
  });
  check((await page.innerText("form ul")).includes("piirustus.bin (45.0 MiB)"), `dropped: ${await page.innerText("form")}`);
  await isFit(page, "send with a file");
  // As slow as it takes to look.
  const line = await page.context().newCDPSession(page);
  const pace = (bytes) => line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  await line.send("Network.enable");
  await pace(1 << 20);
  await page.getByRole("button", { name: "Lähetä" }).tap();
  await page.locator("progress").waitFor();
  await page.screenshot({ path: `${place.screenshots}/portal-sending.png`, fullPage: true });
  await isFit(page, "sending");
  await page.getByRole("button", { name: "Keskeytä" }).tap();
  check((await page.locator("progress").isVisible()) === false, "it stops when told");
  check((await page.innerText("[role=status]")).length > 0, "and says so");
  await pace(-1);
  // Until the server has seen that nobody is there any more, this network has its place.
  await page.waitForTimeout(1_000);
  await page.getByRole("button", { name: "Lähetä" }).tap();
  await page.getByRole("heading", { name: "Se on lähetetty" }).waitFor({ timeout: 120_000 });
}

async function press(page, name) {
  const loaded = page.waitForEvent("load");
  await page.getByRole("button", { name }).tap();
  await loaded;
}

/// Buttons and fields are high enough for a thumb, nothing leaves the screen, and nobody is shut out.
async function isFit(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= PHONE.width, `${name} is ${wide} wide`);
  const small = await page.evaluate(() => [...document.querySelectorAll("main button:not([hidden]), main input:not([type=hidden])")]
    .map((one) => ({ text: one.innerText || one.id, height: one.getBoundingClientRect().height })).filter((one) => one.height < 44));
  for (const one of small) check(false, `${name}: ${one.text} is ${one.height} high`);
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => `${impact} ${id} at ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  });
  for (const one of found) check(false, `${name}: axe finds ${one}`);
}
