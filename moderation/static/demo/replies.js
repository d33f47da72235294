// A reply is sent without leaving the page; what comes back is the same page, of which the thread is shown anew.
import { read, say } from "./page.js";

const FIRST = ["[data-new]", "[aria-invalid='true']", "#nudge", "#reply-text"];

function show(page, answer) {
  for (const id of ["replies", "left"]) {
    const fresh = page.getElementById(id);
    // The focus is given below; the browser would try it again by itself.
    fresh?.querySelectorAll("[autofocus]").forEach((field) => field.removeAttribute("autofocus"));
    if (fresh) document.getElementById(id)?.replaceWith(document.adoptNode(fresh));
  }
  if (answer.redirected) history.replaceState(null, "", answer.url);
  const replies = document.getElementById("replies");
  FIRST.map((place) => replies.querySelector(place)).find(Boolean)?.focus();
  say(replies.dataset.say || replies.querySelector("#nudge h3, .hc-wrong:not([hidden])")?.textContent);
}

function tell(form, sentence) {
  const line = form.querySelector("#trouble");
  line.querySelector("span").textContent = sentence;
  line.hidden = false;
  say(sentence);
}

// Faults of ours and pages that have no thread are left to the browser: it sends the form as it stands.
function fall(form, submitter) {
  form.dataset.plain = "yes";
  form.requestSubmit(submitter);
}

export async function send(form, submitter) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form, submitter));
    const answer = await fetch(submitter?.getAttribute("formaction") ?? form.action, { method: "POST", body });
    const page = await read(answer);
    if (page.getElementById("replies")) show(page, answer);
    else fall(form, submitter);
  } catch {
    tell(form, "No connection. Nothing was posted, and your words are still here; try again.");
  } finally {
    form.removeAttribute("aria-busy");
  }
}
