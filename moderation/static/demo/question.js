// A question's own page, shown in a dialog: same words, same figures, worked out when it is asked.
import { read } from "./page.js";

function dress(section) {
  // In a dialog the heading is no longer the page's first one.
  const title = section.querySelector("h1");
  const heading = document.createElement("h2");
  heading.id = "dialog-title";
  heading.append(...title.childNodes);
  title.replaceWith(heading);
  section.removeAttribute("aria-labelledby");
  return section;
}

function open(section, link) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.append(dress(section));
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-safe]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  // The safe answer, or the field that is asked for, comes first.
  (dialog.querySelector("textarea[required], input[type=radio]") ?? dialog.querySelector("[data-safe]"))?.focus();
}

export async function ask(link) {
  if (link.getAttribute("aria-busy") === "true") return;
  link.setAttribute("aria-busy", "true");
  try {
    const page = await read(await fetch(link.href));
    const section = page.querySelector("[data-question-of]");
    if (!section) return location.assign(link.href);
    open(document.adoptNode(section), link);
  } catch {
    location.assign(link.href);
  } finally {
    link.removeAttribute("aria-busy");
  }
}
