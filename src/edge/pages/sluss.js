// Keys and live parts. Every page works without this file; nothing here decides anything.
"use strict";

// A press that cannot be taken back is asked about once more.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sure]");
  if (button && !window.confirm(button.dataset.sure)) event.preventDefault();
});

// A page that shows what is now looks again, while somebody sees it.
const again = Number(document.body.dataset.again);
if (again > 0) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { redirect: "error", headers: { "X-Again": "1" } });
      if (!answer.ok) return;
      const seen = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("main").replaceChildren(...seen.getElementById("main").childNodes);
    } catch {
      // The gateway is away, or the session has ended: what is shown stays, with its time.
    }
  }, again * 1000);
}
