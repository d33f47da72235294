// Which key does what. A key is ours only outside fields and dialogs, without a modifier, and never when it is held.
const ACTS = { a: "approve", r: "reject", s: "skip", u: "undo" };
const LINKS = { j: "j", k: "k", h: "h" };

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;
}

function close() {
  const open = document.querySelector("#decide details[open]");
  if (!open) return;
  open.open = false;
  document.getElementById("card")?.focus();
}

export function keysOf({ act, follow, help, on }) {
  return (event) => {
    if (event.key === "Escape") close();
    if (!on() || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const picker = document.querySelector("#reject[open]");
    if (picker && /^[1-9]$/.test(key)) picker.querySelector(`[data-n="${key}"]`)?.click();
    else if (key in ACTS) act(ACTS[key]);
    else if (key in LINKS) follow(LINKS[key]);
    else if (event.key === "?") help();
    else return;
    event.preventDefault();
  };
}
