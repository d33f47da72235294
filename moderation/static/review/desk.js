// The desk works without this file; with it, the next card comes without a new page, and keys decide.
import { keysOf } from "./keys.js";
import { go, submit } from "./swap.js";

const onekey = document.getElementById("onekey");

function act(name) {
  document.querySelector(`#main [data-act="${name}"], #undo-form [data-act="${name}"]`)?.click();
}

function follow(key) {
  const link = document.querySelector(`#main a[data-key="${key}"]`);
  if (link && key === "h") link.click();
  else if (link) go(link.href);
}

function help() {
  const dialog = document.getElementById("help");
  if (dialog && !dialog.open) dialog.showModal();
}

function peek(button) {
  const field = document.getElementById("password");
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act]");
  if (target?.dataset.act === "help") help();
  if (target?.dataset.act === "peek") peek(target);
  const link = event.target.closest("#main .rd-next a, #main a[data-key='j'], #main a[data-key='k']");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    go(link.href);
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("#decide, #undo-form") && !event.target.dataset.plain) {
    event.preventDefault();
    submit(event.target, event.submitter);
  }
});

// The suggested reason gets the focus, so that Enter takes it; the page moves no further than the picker needs.
document.addEventListener("toggle", (event) => {
  if (event.target.id === "reject" && event.target.open) {
    event.target.querySelector(".is-suggested")?.focus({ preventScroll: true });
    event.target.querySelector(".rd-pop").scrollIntoView({ block: "nearest" });
  }
}, true);

document.addEventListener("keydown", keysOf({ act, follow, help, on: () => onekey?.checked ?? true }));

if (onekey) {
  onekey.checked = localStorage.getItem("single-keys") !== "off";
  onekey.addEventListener("change", () => localStorage.setItem("single-keys", onekey.checked ? "on" : "off"));
}
