// What is being sent shows how far it has come, and files can be dropped on the page. Without this the form works as forms do.
"use strict";

(() => {
  const form = document.querySelector("form[data-sending]");
  if (!form || !window.XMLHttpRequest || !window.FormData) return;
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button");
  const said = form.dataset;
  const size = (bytes) => bytes < 1 << 20 ? Math.ceil(bytes / 1024) + " KiB" : (bytes / (1 << 20)).toFixed(1) + " MiB";

  const list = document.createElement("ul");
  const status = document.createElement("p");
  const bar = document.createElement("progress");
  const stop = document.createElement("button");
  list.className = "quiet";
  status.setAttribute("role", "status");
  bar.max = 100;
  bar.hidden = true;
  bar.setAttribute("aria-label", said.sending);
  stop.type = "button";
  stop.textContent = said.stop;
  stop.hidden = true;
  button.before(list, status, bar);
  button.after(" ", stop);

  const total = () => [...input.files].reduce((sum, file) => sum + file.size, 0);
  const fits = () => total() <= Number(said.most);
  const show = () => {
    list.replaceChildren(...[...input.files].map((file) => {
      const line = document.createElement("li");
      line.textContent = file.name + " (" + size(file.size) + ")";
      return line;
    }));
    status.textContent = fits() ? "" : said.large;
  };
  input.addEventListener("change", show);

  const zone = form.closest("section") || form;
  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      zone.classList.add("drop");
    });
  }
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("drop");
  });
  zone.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("drop");
    const all = new DataTransfer();
    for (const file of [...input.files, ...event.dataTransfer.files]) all.items.add(file);
    input.files = all.files;
    show();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!fits()) {
      status.textContent = said.large;
      return;
    }
    const request = new XMLHttpRequest();
    let shown = -1;
    const rest = (working) => {
      button.disabled = working;
      bar.hidden = !working;
      stop.hidden = !working;
    };
    const broke = () => {
      rest(false);
      status.textContent = said.broke;
    };
    request.upload.addEventListener("progress", (now) => {
      if (!now.lengthComputable) return;
      const percent = Math.floor(now.loaded * 100 / now.total);
      bar.value = percent;
      // A reader aloud is told every tenth.
      if (Math.floor(percent / 10) === shown) return;
      shown = Math.floor(percent / 10);
      status.textContent = said.sending + " " + percent + " %";
    });
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = page.querySelector("main");
      if (!main) return broke();
      if (request.status >= 400) {
        // What was chosen stays chosen.
        const why = page.querySelector(".note.bad") || page.querySelector("main p");
        rest(false);
        status.textContent = why ? why.textContent : said.broke;
        return;
      }
      document.title = page.title;
      document.querySelector("main").replaceWith(main);
      const head = main.querySelector("h1");
      if (head) {
        head.tabIndex = -1;
        head.focus();
      }
    });
    request.addEventListener("error", broke);
    request.addEventListener("abort", broke);
    stop.onclick = () => request.abort();
    request.open("POST", form.action);
    rest(true);
    status.textContent = said.sending;
    request.send(new FormData(form));
  });
})();
