// The paper works without this file; with it, questions come as dialogs and replies without a new page.
import { ask } from "./question.js";
import { send } from "./replies.js";

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-question]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  ask(link);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-swap]") || event.target.dataset.plain) return;
  event.preventDefault();
  send(event.target, event.submitter);
});

// What was done just before is on the page; the focus goes there, so that it is read where one goes on.
(document.querySelector("[data-new], #changed") ?? document.getElementById("done"))?.focus();
