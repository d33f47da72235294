// A question's own page, shown in a dialog: same words, same figures, worked out when it is asked. An answer to a
// question that has become old brings the question again, with the figures of now.
import { read } from "./page.js";

const FIRST = ["#changed", "textarea[required], input[type=radio]", "[data-safe]"];

function dress(section) {
  // In a dialog the heading is no longer the page's first one.
  const title = section.querySelector("h1");
  const heading = document.createElement("h2");
  heading.id = "dialog-title";
  heading.append(...title.childNodes);
  title.replaceWith(heading);
  section.removeAttribute("aria-labelledby");
  return document.adoptNode(section);
}

function fill(dialog, page) {
  const section = page.querySelector("[data-question-of]");
  if (!section) return false;
  dialog.replaceChildren(dress(section));
  const facts = dialog.querySelector("#question-facts");
  if (facts) dialog.setAttribute("aria-describedby", facts.id);
  else dialog.removeAttribute("aria-describedby");
  const left = page.getElementById("left")?.textContent;
  if (left) for (const place of document.querySelectorAll("[data-left]")) place.textContent = left;
  return true;
}

// The news of what has changed, the field that is asked for, or the safe answer comes first.
function point(dialog) {
  FIRST.map((place) => dialog.querySelector(place)).find(Boolean)?.focus();
}

function tell(form, sentence) {
  const line = form.querySelector("[data-trouble]");
  line.querySelector("span").textContent = sentence;
  line.setAttribute("role", "alert");
  line.hidden = false;
}

async function answer(dialog, form, submitter) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  submitter?.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form, submitter));
    const said = await fetch(form.action, { method: "POST", body });
    if (said.redirected) return location.assign(said.url);
    if (fill(dialog, await read(said))) return point(dialog);
    // Faults of ours are left to the browser: it sends the form as it stands, and nothing is done twice.
    form.dataset.plain = "yes";
    form.requestSubmit(submitter);
  } catch {
    tell(form, "No connection. Try again; nothing is done twice.");
  } finally {
    form.removeAttribute("aria-busy");
    submitter?.removeAttribute("aria-busy");
  }
}

function open(page, link) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");
  if (!fill(dialog, page)) return location.assign(link.href);
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-safe]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-ask]") || event.target.dataset.plain) return;
    event.preventDefault();
    answer(dialog, event.target, event.submitter);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  point(dialog);
}

export async function ask(link) {
  if (link.getAttribute("aria-busy") === "true") return;
  link.setAttribute("aria-busy", "true");
  try {
    const said = await fetch(link.href);
    if (said.redirected) return location.assign(said.url);
    open(await read(said), link);
  } catch {
    location.assign(link.href);
  } finally {
    link.removeAttribute("aria-busy");
  }
}
